package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"
)

// inFlight is how many requests, of many commands each, a replaying connection has under way: with
// two the server always has something to do.
const inFlight = 2

// replay is the role that sends what a recorder wrote down, all connections at once over bare
// sockets, and throws the replies away: ADDR DIR. It is what the server itself takes.
func replay(ctx context.Context, args []string) error {
	files, err := filepath.Glob(filepath.Join(args[1], "connection-*"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no recordings in %s: %w", args[1], err)
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, name := range files {
		g.Go(func() error { return replayOne(ctx, args[0], name) })
	}
	return g.Wait()
}

// A request is what a recorded connection sent at once, in whole commands.
type request struct {
	bytes    []byte
	commands int
}

// readRequest reads the next request. What a command began in one and ended in another goes
// together.
func readRequest(r *bufio.Reader) (*request, error) {
	q := &request{}
	for at := 0; ; {
		var n uint32
		if err := binary.Read(r, binary.BigEndian, &n); err != nil {
			if err == io.EOF && at < len(q.bytes) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		from := len(q.bytes)
		q.bytes = append(q.bytes, make([]byte, n)...)
		if _, err := io.ReadFull(r, q.bytes[from:]); err != nil {
			return nil, err
		}
		for at < len(q.bytes) {
			n, err := commandLen(q.bytes[at:])
			if errors.Is(err, errPart) {
				break
			}
			if err != nil {
				return nil, err
			}
			at += n
			q.commands++
		}
		if at == len(q.bytes) {
			return q, nil
		}
	}
}

func replayOne(ctx context.Context, addr, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	sent := make(chan int, inFlight-1) // commands of requests whose replies are awaited
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(sent)
		r := bufio.NewReaderSize(f, 1<<20)
		for {
			q, err := readRequest(r)
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			select {
			case sent <- q.commands:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			if _, err := c.Write(q.bytes); err != nil {
				return err
			}
		}
	})
	g.Go(func() error {
		r := bufio.NewReaderSize(c, 128<<10)
		for n := range sent {
			for range n {
				if _, err := skipReply(r); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return g.Wait()
}
