package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
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
	files, err := filepath.Glob(filepath.Join(args[1], "connection-*.json"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no recordings in %s: %w", args[1], err)
	}
	return overEach(ctx, args[0], len(files), func(i int, c net.Conn) error {
		f, requests, err := openSections(strings.TrimSuffix(files[i], ".json"))
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = sendSections(ctx, c, f, requests, inFlight)
		return err
	})
}

// A recorder is a proxy that writes down what each connection sends. What arrives at once is a
// section; what a command began in one and ended in another goes together.
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
	buf, parts, begun := make([]byte, 1<<20), make([]section, 1), []byte(nil) // of a command
	for {
		n, err := client.Read(buf)
		if err != nil { // the dump is done with the connection
			return saveSections(f.Name(), parts)
		}
		if _, err := f.Write(buf[:n]); err != nil {
			return err
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return err
		}
		p := &parts[len(parts)-1]
		p.Bytes += int64(n)
		begun = append(begun, buf[:n]...)
		for complete := true; complete; {
			if complete, _, _, begun, err = redcon.ReadNextCommand(begun, nil); err != nil {
				return err
			}
			if complete {
				p.Commands++
			}
		}
		if len(begun) == 0 {
			parts = append(parts, section{Offset: p.Offset + p.Bytes})
		}
	}
}
