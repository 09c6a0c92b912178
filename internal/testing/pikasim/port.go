package pikasim

import (
	"errors"
	"net"
	"sync"
)

// port is one on which the server listens, and its connections.
type port struct {
	net.Listener // nil: there is none

	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	closed bool
}

// serve has each connection handled by a goroutine of its own, and then closed, until close.
func (p *port) serve(running *sync.WaitGroup, handle func(net.Conn)) {
	for {
		conn, err := p.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // the client was gone before it was accepted
			continue
		case !p.join(conn):
			_ = conn.Close()
			return
		}
		running.Go(func() {
			defer p.leave(conn)
			handle(conn)
		})
	}
}

// join registers a connection, unless the server is closing.
func (p *port) join(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.conns[conn] = struct{}{}
	return true
}

// leave forgets a connection and closes it.
func (p *port) leave(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, conn)
	_ = conn.Close()
}

// cut closes every connection.
func (p *port) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		_ = conn.Close() // its goroutine reports nothing either
	}
}

// close stops listening, and cuts every connection.
func (p *port) close() error {
	if p.Listener == nil {
		return nil
	}
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	err := p.Listener.Close()
	p.cut()
	return err
}
