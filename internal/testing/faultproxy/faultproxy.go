// Package faultproxy is a TCP proxy that does to connections what networks do: it delays, resets in
// the middle of a stream, closes one direction only, stops moving anything, or brings data late. It
// is for tests.
package faultproxy

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/retry"
)

// A Plan is what happens to a connection. Counts are of bytes from the client to the server, of
// which there is one at most; zero is never.
type Plan struct {
	Latency        time.Duration // of every piece of data, in each direction
	ResetAfter     int64         // both sides are reset
	HalfCloseAfter int64         // the server sees the end of what the client sends; its answers still come
	StallAfter     int64         // nothing moves any more, and nothing is closed
	// HoldAt keeps back what the client sends from the first piece on in which it stands, until
	// Release, on the first connection that comes so far. The server sees the connection open, also
	// when the client has closed it.
	HoldAt string
}

// A Proxy forwards connections to one server.
type Proxy struct {
	lis    net.Listener
	target atomic.Pointer[string]
	plan   atomic.Pointer[func(n int) Plan]
	wg     sync.WaitGroup
	ctx    context.Context // ends when it is closed
	close  context.CancelFunc

	release  chan struct{} // closed when what is held may go
	released chan struct{} // closed when it has gone, and the server has closed that connection
	holds    atomic.Bool

	count atomic.Int64 // of connections
	hit   atomic.Int64 // of these, by their plan

	mu    sync.Mutex
	conns map[*pair]bool
}

type pair struct {
	client, server *net.TCPConn
	held           atomic.Bool
}

// reset ends both sides without a farewell.
func (p *pair) reset() {
	for _, c := range []*net.TCPConn{p.client, p.server} {
		_ = c.SetLinger(0)
		_ = c.Close()
	}
}

// Start begins to forward connections to target. Plan is asked for each, the first is number 0; nil
// forwards all untouched.
func Start(target string, plan func(n int) Plan) (*Proxy, error) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	if plan == nil {
		plan = func(int) Plan { return Plan{} }
	}
	p := &Proxy{lis: lis, release: make(chan struct{}), released: make(chan struct{}), conns: map[*pair]bool{}}
	p.ctx, p.close = context.WithCancel(context.Background())
	p.SetTarget(target)
	p.SetPlan(plan)
	p.wg.Go(p.accept)
	return p, nil
}

// Addr returns where the proxy listens.
func (p *Proxy) Addr() string { return p.lis.Addr().String() }

// Connections returns how many there have been.
func (p *Proxy) Connections() int { return int(p.count.Load()) }

// Disturbed returns how many connections have come to where their plan resets, half closes or
// stalls them.
func (p *Proxy) Disturbed() int { return int(p.hit.Load()) }

// Release sends what is held to the server, and the end of the connection after it. It returns when
// the server has closed it: all that came whole was run, or never will be. It is called once, when
// Disturbed says that something is held.
func (p *Proxy) Release() {
	close(p.release)
	<-p.released
}

// SetPlan replaces the plan for connections to come.
func (p *Proxy) SetPlan(plan func(n int) Plan) { p.plan.Store(&plan) }

// SetTarget lets connections to come lead to another server, as an address does that moves.
func (p *Proxy) SetTarget(target string) { p.target.Store(&target) }

// Cut resets every connection there is.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.reset()
	}
}

// Close stops the proxy and resets every connection.
func (p *Proxy) Close() {
	p.close()
	_ = p.lis.Close()
	p.Cut()
	p.wg.Wait()
}

func (p *Proxy) accept() {
	for {
		c, err := p.lis.Accept()
		if err != nil {
			return
		}
		client := c.(*net.TCPConn)
		s, err := net.Dial("tcp", *p.target.Load())
		if err != nil {
			_ = client.SetLinger(0)
			_ = client.Close()
			continue
		}
		p.serve(&pair{client: client, server: s.(*net.TCPConn)})
	}
}

func (p *Proxy) serve(c *pair) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx.Err() != nil {
		c.reset()
		return
	}
	plan := (*p.plan.Load())(int(p.count.Add(1)) - 1)
	p.conns[c] = true
	p.wg.Go(func() {
		var both sync.WaitGroup
		both.Go(func() { p.up(c, plan) })
		both.Go(func() { p.down(c, plan) })
		both.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		if c.held.Load() {
			close(p.released)
		}
		delete(p.conns, c)
		_ = c.client.Close()
		_ = c.server.Close()
	})
}

// up forwards what the client sends.
func (p *Proxy) up(c *pair, plan Plan) {
	buf := make([]byte, 16<<10)
	sent := int64(0)
	for {
		n, err := c.client.Read(buf)
		data := buf[:n]
		_ = retry.Sleep(p.ctx, plan.Latency)
		if plan.HoldAt != "" && bytes.Contains(data, []byte(plan.HoldAt)) && p.holdsFirst(c) {
			p.hold(c, data)
			return
		}
		limit := max(plan.ResetAfter, plan.HalfCloseAfter, plan.StallAfter)
		if over := limit > 0 && sent+int64(n) >= limit; over {
			_, _ = c.server.Write(data[:limit-sent])
			p.hit.Add(1)
			switch limit {
			case plan.StallAfter:
				<-p.ctx.Done()
			case plan.HalfCloseAfter:
				_ = c.server.CloseWrite()
				_, _ = io.Copy(io.Discard, c.client)
			default:
				c.reset()
			}
			return
		}
		sent += int64(n)
		if _, err := c.server.Write(data); err != nil {
			c.reset()
			return
		}
		if err != nil {
			_ = c.server.CloseWrite()
			return
		}
	}
}

// holdsFirst reports whether c is the first that is to be held.
func (p *Proxy) holdsFirst(c *pair) bool {
	if p.holds.Swap(true) {
		return false
	}
	c.held.Store(true)
	p.hit.Add(1)
	return true
}

// hold keeps what the client has sent, and goes on to send, until Release.
func (p *Proxy) hold(c *pair, data []byte) {
	data = bytes.Clone(data)
	rest := make(chan []byte, 1)
	go func() {
		more, _ := io.ReadAll(c.client)
		rest <- more
	}()
	select {
	case <-p.release:
	case <-p.ctx.Done():
		c.reset()
		return
	}
	_ = c.client.SetReadDeadline(time.Unix(1, 0))
	_, _ = c.server.Write(append(data, <-rest...))
	_ = c.server.CloseWrite()
}

// down forwards what the server answers.
func (p *Proxy) down(c *pair, plan Plan) {
	buf := make([]byte, 16<<10)
	for {
		n, err := c.server.Read(buf)
		_ = retry.Sleep(p.ctx, plan.Latency)
		_, werr := c.client.Write(buf[:n])
		if werr != nil && c.held.Load() {
			_, err = io.Copy(io.Discard, c.server)
		}
		if err != nil || werr != nil {
			_ = c.client.CloseWrite()
			_ = c.client.CloseRead()
			return
		}
	}
}
