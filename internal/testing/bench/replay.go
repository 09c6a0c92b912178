package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/tidwall/redcon"
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
	return overEach(ctx, args[0], len(files), func(i int, c net.Conn) error {
		f, err := os.Open(files[i])
		if err != nil {
			return err
		}
		defer f.Close()
		return replayOne(ctx, c, f)
	})
}

// A request is what a recorded connection sent at once, in whole commands.
type request struct {
	bytes    []byte
	commands int
}

// readRequest reads the next request. What a command began in one and ended in another goes
// together.
func readRequest(r *bufio.Reader) (*request, error) {
	q, args := &request{}, [][]byte(nil)
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
		for complete, left := true, q.bytes[at:]; complete && len(left) > 0; {
			var err error
			if complete, args, _, left, err = redcon.ReadNextCommand(left, args); err != nil {
				return nil, err
			}
			if complete {
				q.commands++
			}
			at = len(q.bytes) - len(left)
		}
		if at == len(q.bytes) {
			return q, nil
		}
	}
}

func replayOne(ctx context.Context, c net.Conn, f io.Reader) error {
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

// A recorder is a proxy that writes down what each connection sends: what arrives at once as
// its length in 4 bytes and the bytes.
type recorder struct {
	lis    net.Listener
	server string
	dir    string
	all    errgroup.Group
	n      atomic.Int64 // connections
}

func record(server, dir string) (*recorder, error) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &recorder{lis: lis, server: server, dir: dir}
	r.all.Go(func() error {
		for {
			c, err := lis.Accept()
			if err != nil { // closed
				return nil
			}
			r.all.Go(func() error { return r.serve(c) })
		}
	})
	return r, nil
}

func (r *recorder) addr() string { return r.lis.Addr().String() }

// close waits until all connections have ended.
func (r *recorder) close() error {
	r.lis.Close()
	return r.all.Wait()
}

func (r *recorder) serve(client net.Conn) error {
	defer client.Close()
	server, err := net.Dial("tcp", r.server)
	if err != nil {
		return err
	}
	defer server.Close()
	f, err := os.Create(filepath.Join(r.dir, fmt.Sprintf("connection-%d", r.n.Add(1))))
	if err != nil {
		return err
	}
	defer f.Close()
	r.all.Go(func() error {
		defer client.Close()
		_, _ = io.Copy(client, server) // ends when either side does
		return nil
	})
	buf := make([]byte, 1<<20)
	for {
		n, err := client.Read(buf[4:])
		if err != nil { // the dump is done with the connection
			return nil
		}
		binary.BigEndian.PutUint32(buf, uint32(n))
		if _, err := f.Write(buf[:4+n]); err != nil {
			return err
		}
		if _, err := server.Write(buf[4 : 4+n]); err != nil {
			return err
		}
	}
}
