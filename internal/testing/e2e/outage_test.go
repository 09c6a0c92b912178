package e2e

import (
	"io"
	"net"
	"sync"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/freeport"
)

// An outage stands before a server and can take it away: every connection is cut, and new ones
// are refused, until it is back.
type outage struct {
	t    *testing.T
	addr string
	to   string

	mu    sync.Mutex
	lis   net.Listener
	conns []net.Conn
}

func newOutage(t *testing.T, to string) *outage {
	t.Helper()
	o := &outage{t: t, addr: freeport.Addr(), to: to}
	o.back()
	t.Cleanup(o.away)
	return o
}

// back lets the server be reached.
func (o *outage) back() {
	o.t.Helper()
	var lis net.Listener
	waitFor(o.t, "the address "+o.addr, func() bool { // what another test forks just now may keep it for a moment
		l, err := net.Listen("tcp", o.addr)
		lis = l
		return err == nil
	})
	o.mu.Lock()
	o.lis = lis
	o.mu.Unlock()
	go func() {
		for {
			in, err := lis.Accept()
			if err != nil {
				return
			}
			go o.relay(lis, in)
		}
	}()
}

// away takes the server away.
func (o *outage) away() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.lis != nil {
		o.lis.Close()
		o.lis = nil
	}
	for _, c := range o.conns {
		c.Close()
	}
	o.conns = nil
}

func (o *outage) relay(lis net.Listener, in net.Conn) {
	defer in.Close()
	out, err := net.Dial("tcp", o.to)
	if err != nil {
		return
	}
	defer out.Close()
	o.mu.Lock()
	if o.lis != lis {
		o.mu.Unlock()
		return
	}
	o.conns = append(o.conns, in, out)
	o.mu.Unlock()
	go func() {
		defer in.Close()
		_, _ = io.Copy(in, out)
	}()
	_, _ = io.Copy(out, in)
}
