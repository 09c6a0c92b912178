package writer

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Fence keeps commands that are under way on a connection that was lost from being run later than what
// is sent again: the server may be at them still, or something between may hold them back. Before a new
// connection is used, the server no longer lists the lost one (SERVERS.md K21).
type Fence struct {
	// Name begins the names by which the server lists the connections of this load. Empty is as good as any.
	Name string
	// Dead are beginnings of the names of connections of runs before, which are over: they are ended first.
	Dead []string
	// Stopped: such a run may have been killed with commands under way.
	Stopped bool
	// Unsure is told why the server does not say whether a connection is gone, before anything is sent again. It must keep that
	// for good: some commands may be run twice, or late. Its error ends the load. Nil ignores it.
	Unsure func(why string) error
	// Run is told the run id of each server that a connection is made to, before anything is sent over it, where a restart
	// may lose what was acknowledged: of a Redis. Its error ends the connection.
	Run func(addr, id string) error
}

// run is in the name of each connection of this process.
var run = rand.Text()

// A fence names connections and ends those that were lost.
type fence struct {
	Fence
	turn chan struct{} // holds a value while lost connections are ended: one at a time

	mu     sync.Mutex
	joined int64
	lost   []lostConn
}

// A lostConn is a connection that is to be gone from a server.
type lostConn struct {
	addr  string // empty: any
	name  string // empty: it could not be named
	dead  bool   // all of that beginning, but for those of this process
	harms bool   // commands may be under way on it
}

func newFence(f Fence) *fence {
	f.Name = cmp.Or(f.Name, "kvload:")
	n := &fence{Fence: f, turn: make(chan struct{}, 1)}
	for _, name := range f.Dead {
		n.lost = append(n.lost, lostConn{name: name, dead: true, harms: f.Stopped})
	}
	return n
}

// Fence sets how lost connections are ended. It is called before the first Worker or Visitor is made.
func (l *Loader) Fence(f Fence) {
	if l.target.Server == kvrocks {
		f.Run = nil // its WAL outlives its process (SERVERS.md K20)
	}
	l.fence = newFence(f)
}

// join gives a connection its name at the server. It stays without one where that is refused.
func (f *fence) join(ctx context.Context, o *Options, c *conn) error {
	f.mu.Lock()
	f.joined++
	name := f.Name + run + ":" + strconv.FormatInt(f.joined, 10)
	f.mu.Unlock()
	c.fence, c.addr = f, o.Addr
	if f.Run != nil {
		info, err := o.info(ctx, c, "server")
		if err == nil && info["run_id"] != "" {
			err = f.Run(o.Addr, info["run_id"])
		}
		if err != nil {
			return err
		}
	}
	err := c.Do(ctx, "CLIENT", "SETNAME", name).Err()
	if _, ok := errorReply(err); ok {
		return nil
	}
	if err != nil {
		return o.connectError(err)
	}
	c.name = name
	return nil
}

// lose notes that c was closed with commands under way.
func (f *fence) lose(c *conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lost = append(f.lost, lostConn{addr: c.addr, name: c.name, harms: true})
}

// toEnd returns the connections that are to be gone.
func (f *fence) toEnd() []lostConn {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.lost)
}

// IsSettled reports whether all lost connections are known to be gone. It is asked when all Workers and Visitors are closed.
func (l *Loader) IsSettled() bool { return len(l.fence.toEnd()) == 0 }

// settle returns when all lost connections are gone from their servers. It is an ErrTransient if one stays.
func (l *Loader) settle(ctx context.Context) error {
	f := l.fence
	if len(f.toEnd()) == 0 {
		return nil
	}
	select {
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	lost := f.toEnd()
	servers, place := []string{l.options.Addr}, l.options.mainKeyspace()
	if l.cluster != nil && len(lost) > 0 {
		t, err := l.cluster.current(ctx)
		if err != nil {
			return err
		}
		servers, place = t.masters, Keyspace{} // one that is none any more runs no write
	}
	for _, addr := range servers {
		there := slices.DeleteFunc(slices.Clone(lost), func(c lostConn) bool { return c.addr != "" && c.addr != addr })
		if len(there) == 0 {
			continue
		}
		why, err := l.options.at(addr).end(ctx, place, there)
		if err != nil {
			return err
		}
		harms := slices.ContainsFunc(there, func(c lostConn) bool { return c.harms })
		if why != "" && harms && f.Unsure != nil {
			if err := f.Unsure(why); err != nil {
				return err
			}
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lost = slices.Delete(f.lost, 0, len(lost))
	return nil
}

// Waits for a connection to be gone grow from the first, until the last is over: then the caller has to try again.
const (
	firstGone = 10 * time.Millisecond
	lastGone  = time.Second
)

// end ends connections of the server and returns when it lists none of them, or why that cannot be seen.
func (o *Options) end(ctx context.Context, p Keyspace, lost []lostConn) (why string, err error) {
	if slices.ContainsFunc(lost, func(l lostConn) bool { return l.name == "" }) {
		return fmt.Sprintf("target %s refuses CLIENT SETNAME", o.Addr), nil
	}
	c, err := o.dial(ctx, p)
	if err != nil {
		return "", err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, c.abort)()
	own := "kvload-fence-" + rand.Text()
	if _, why, err = o.asked(ctx, c, "CLIENT", "SETNAME", own); why != "" || err != nil {
		return why, err
	}
	for wait := firstGone; ; wait *= 2 {
		list, why, err := o.asked(ctx, c, "CLIENT", "LIST")
		if why != "" || err != nil {
			return why, err
		}
		seen, ids := false, []string(nil)
		for line := range strings.Lines(list) {
			name := clientField(line, "name")
			seen = seen || name == own
			if slices.ContainsFunc(lost, func(l lostConn) bool { return l.is(name) }) {
				ids = append(ids, clientField(line, "id"))
			}
		}
		switch {
		case !seen:
			return fmt.Sprintf("CLIENT LIST of target %s does not show who asks: is there a proxy between that shares connections?", o.Addr), nil
		case len(ids) == 0:
			return "", nil
		case wait > lastGone:
			return "", &causeError{ErrTransient, fmt.Errorf("target %s may still run commands that were sent over lost connections (CLIENT LIST has id %s): is there a proxy between that keeps them?",
				o.Addr, strings.Join(ids, ", "))}
		}
		for _, id := range ids {
			// Where that is refused, it goes by itself when the server sees that it was closed.
			if _, _, err := o.asked(ctx, c, "CLIENT", "KILL", "ID", id); err != nil {
				return "", err
			}
		}
		if err := Sleep(ctx, wait); err != nil {
			return "", err
		}
	}
}

// is reports whether name is of a connection that is to be gone.
func (l *lostConn) is(name string) bool {
	if !l.dead {
		return name == l.name
	}
	return strings.HasPrefix(name, l.name) && !strings.Contains(name, ":"+run+":")
}

// asked sends a command that answers a text or a number, and returns why it was refused if it was for good.
func (o *Options) asked(ctx context.Context, c *conn, args ...any) (text, why string, err error) {
	val, err := c.Do(ctx, args...).Result()
	reply, refused := errorReply(err)
	switch advice := stopsLoad(reply); {
	case refused && errors.Is(advice, ErrTransient):
		return "", "", &causeError{ErrTransient, fmt.Errorf("target %s refuses %s %s: %w", o.Addr, args[0], args[1], advice)}
	case refused:
		return "", fmt.Sprintf("target %s refuses %s %s: %s", o.Addr, args[0], args[1], shown(reply)), nil
	case err != nil:
		return "", "", o.connectError(err)
	}
	return fmt.Sprint(val), "", nil
}
