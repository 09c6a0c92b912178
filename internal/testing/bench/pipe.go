package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"

	"github.com/tidwall/redcon"
	"golang.org/x/sync/errgroup"
)

// pipe is the role that sends a file of commands over so many bare sockets at once and reads every
// reply: ADDR FILE CONNECTIONS.
func pipe(ctx context.Context, args []string) error {
	n, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	f, parts, err := openSections(args[1])
	if err != nil {
		return err
	}
	defer f.Close()
	return overEach(ctx, args[0], n, func(i int, c net.Conn) error {
		var own []section
		for j := i; j < len(parts); j += n {
			own = append(own, parts[j])
		}
		refused, err := sendSections(ctx, c, f, own, len(own))
		if refused > 0 && err == nil {
			err = fmt.Errorf("the server refused %d commands", refused)
		}
		return err
	})
}

// sendSections writes sections as fast as the server takes them, but so many at most ahead of the
// replies that it reads, and returns how many commands the server refused.
func sendSections(ctx context.Context, c net.Conn, f *os.File, own []section, ahead int) (refused int, err error) {
	sent := make(chan section, max(0, ahead-1)) // one more is being answered
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(sent)
		buf := make([]byte, 64<<10)
		for _, s := range own {
			select {
			case sent <- s:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			if _, err := io.CopyBuffer(struct{ io.Writer }{c}, io.NewSectionReader(f, s.Offset, s.Bytes), buf); err != nil {
				return err
			}
		}
		return nil
	})
	g.Go(func() error {
		r := bufio.NewReaderSize(c, 128<<10)
		for s := range sent {
			for range s.Commands {
				failed, err := skipReply(r)
				if err != nil {
					c.Close() // ends the writing as well
					return err
				}
				if failed {
					refused++
				}
			}
		}
		return nil
	})
	err = g.Wait()
	return refused, err
}

// overEach runs f with each of n bare sockets at once, which are closed when the context ends.
func overEach(ctx context.Context, addr string, n int, f func(i int, c net.Conn) error) error {
	g, ctx := errgroup.WithContext(ctx)
	for i := range n {
		g.Go(func() error {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				return err
			}
			defer c.Close()
			defer context.AfterFunc(ctx, func() { c.Close() })()
			return f(i, c)
		})
	}
	return g.Wait()
}

// skipReply reads one reply and throws it away; failed reports that it is an error.
func skipReply(r *bufio.Reader) (failed bool, err error) {
	for left := 1; left > 0; left-- {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return false, err
		}
		if len(line) < 3 {
			return false, fmt.Errorf("not a reply: %q", line)
		}
		switch line[0] {
		case '-':
			failed = true
		case '$', '*':
			n, err := strconv.Atoi(string(line[1 : len(line)-2]))
			switch {
			case err != nil:
				return false, err
			case n < 0:
			case line[0] == '*':
				left += n
			default:
				if _, err := r.Discard(n + 2); err != nil {
					return false, err
				}
			}
		}
	}
	return failed, nil
}

// appendCommand appends a command as it is sent.
func appendCommand(b []byte, args []string) []byte {
	b = redcon.AppendArray(b, len(args))
	for _, a := range args {
		b = redcon.AppendBulkString(b, a)
	}
	return b
}
