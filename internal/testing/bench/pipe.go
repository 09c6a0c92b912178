package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"

	"golang.org/x/sync/errgroup"
)

// pipe is the role that sends a file of commands over so many bare sockets at once and reads every
// reply: ADDR FILE CONNECTIONS.
func pipe(ctx context.Context, args []string) error {
	n, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	parts, err := readSections(args[1])
	if err != nil {
		return err
	}
	f, err := os.Open(args[1])
	if err != nil {
		return err
	}
	defer f.Close()
	g, ctx := errgroup.WithContext(ctx)
	for i := range n {
		g.Go(func() error {
			c, err := net.Dial("tcp", args[0])
			if err != nil {
				return err
			}
			defer c.Close()
			defer context.AfterFunc(ctx, func() { c.Close() })()
			var own []section
			for j := i; j < len(parts); j += n {
				own = append(own, parts[j])
			}
			return sendSections(c, f, own)
		})
	}
	return g.Wait()
}

// sendSections writes sections as fast as the server takes them, while it reads the replies.
func sendSections(c net.Conn, f *os.File, own []section) error {
	var g errgroup.Group
	g.Go(func() error {
		buf := make([]byte, 64<<10)
		for _, s := range own {
			if _, err := io.CopyBuffer(struct{ io.Writer }{c}, s.open(f), buf); err != nil {
				return err
			}
		}
		return nil
	})
	g.Go(func() error {
		r := bufio.NewReaderSize(c, 64<<10)
		for _, s := range own {
			for i := range s.Commands {
				failed, err := skipReply(r)
				if err == nil && failed {
					err = fmt.Errorf("the server refused command %d", i)
				}
				if err != nil {
					c.Close() // ends the writing as well
					return err
				}
			}
		}
		return nil
	})
	return g.Wait()
}
