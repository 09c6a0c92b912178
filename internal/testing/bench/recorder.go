package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
)

// A recorder is a proxy that writes down what each connection sends: what arrives at once as
// its length in 4 bytes and the bytes.
type recorder struct {
	lis    net.Listener
	server string
	dir    string
	wg     sync.WaitGroup
	mu     sync.Mutex
	n      int
	err    error
}

func record(server, dir string) (*recorder, error) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &recorder{lis: lis, server: server, dir: dir}
	r.wg.Go(func() {
		for {
			c, err := lis.Accept()
			if err != nil {
				return
			}
			r.wg.Go(func() { r.fail(r.serve(c)) })
		}
	})
	return r, nil
}

func (r *recorder) addr() string { return r.lis.Addr().String() }

func (r *recorder) fail(err error) {
	if err == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = errors.Join(r.err, err)
}

// close waits until all connections have ended.
func (r *recorder) close() error {
	r.lis.Close()
	r.wg.Wait()
	return r.err
}

func (r *recorder) serve(client net.Conn) error {
	defer client.Close()
	server, err := net.Dial("tcp", r.server)
	if err != nil {
		return err
	}
	defer server.Close()
	r.mu.Lock()
	r.n++
	name := filepath.Join(r.dir, fmt.Sprintf("connection-%d", r.n))
	r.mu.Unlock()
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	r.wg.Go(func() {
		defer client.Close()
		io.Copy(client, server) // ends when either side does
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
