package conn

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

	"golang.org/x/sync/semaphore"

	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
	"github.com/pika2kvrocks/pika2kvrocks/internal/retry"
)

// A Fence keeps commands that are under way on a connection that was lost from being run later than
// what is sent again: the server may be at them still, or something between may hold them back.
// Before a new connection is used, the server no longer lists the lost one (SERVERS.md K21).
type Fence struct {
	// Name begins the names by which the server lists the connections of this load. Empty is as
	// good as any.
	Name string
	// Dead are beginnings of the names of connections of runs before, which are over.
	Dead []string
	// Stopped: such a run may have been killed with commands under way, and its connections are
	// ended first. Else one that stays is of a run that is at work elsewhere: ErrBusy.
	Stopped bool
	// Unsure is told why the server does not say whether a connection is gone, before anything is
	// sent again. It must keep that for good: some commands may be run twice, or late. Its error
	// ends the load. Nil ignores it.
	Unsure func(why string) error
	// Run is called before a server is asked for its state, which shows whether it has lost what it
	// acknowledged (SERVERS.md K20): the run id of a Redis, the number of the last write of a
	// Kvrocks, and of a Redis in a cluster, divided by blanks, its run id, what it replicates, the
	// number of its last write there, what it replicated before, and the number from which on it no
	// longer did. Each is asked when a connection is made to it, and, where it tells such a number,
	// behind all that may change keys. What Run returns is told the answer. Its error ends the
	// connection.
	Run func(addr string) (told func(state string) error)
	// Serve is told the states of all masters of a cluster before anything is sent, whenever others
	// serve than before. Ask returns the state of one more; empty: it is not reached, or no master.
	Serve func(states map[string]string, ask func(addr string) string) error
}

// run is in the name of each connection of this process.
var run = rand.Text()

// A Fencer names connections and ends those that were lost.
type Fencer struct {
	Fence
	turn *semaphore.Weighted // of 1: lost connections are ended by one at a time

	served []string // whose states Serve was told last; of turn

	mu     sync.Mutex
	joined int64
	unused int64 // of those: nothing was read over them
	lost   []lostConn
}

// A lostConn is a connection that is to be gone from a server.
type lostConn struct {
	addr  string // empty: any
	name  string // empty: it could not be named
	dead  bool   // all of that beginning, but for those of this process
	harms bool   // commands may be under way on it
}

// NewFencer returns a Fencer that does as f says.
func NewFencer(f Fence) *Fencer {
	f.Name = cmp.Or(f.Name, "kvload:")
	n := &Fencer{Fence: f, turn: semaphore.NewWeighted(1)}
	for _, name := range f.Dead {
		n.lost = append(n.lost, lostConn{name: name, dead: true, harms: f.Stopped})
	}
	return n
}

// join gives a connection its name at the server. It stays without one where that is refused.
func (f *Fencer) join(ctx context.Context, c *Conn) error {
	f.mu.Lock()
	f.joined++
	name := f.Name + run + ":" + strconv.FormatInt(f.joined, 10)
	f.mu.Unlock()
	c.lose = f.lose
	if f.Run != nil {
		if err := f.meet(ctx, c); err != nil {
			return err
		}
	}
	_, err := c.Do(ctx, "CLIENT", "SETNAME", name)
	if _, ok := AsReply(err); ok {
		return nil
	}
	if err != nil {
		return connectFailed(c.addr, err)
	}
	c.name = name
	return nil
}

// lastWrite is the field of INFO replication with the number of a server's last write.
const lastWrite = "master_repl_offset"

func (f *Fencer) meet(ctx context.Context, c *Conn) error {
	told := f.Run(c.addr)
	state, err := c.state(ctx, f.Serve != nil && c.clustered)
	if err != nil || state == "" {
		return err
	}
	if state != c.process {
		c.run = f.Run
	}
	return told(state)
}

// state asks for the state of the server (Fence.Run); empty: it tells none, or is no master.
func (c *Conn) state(ctx context.Context, clustered bool) (string, error) {
	info, err := c.Info(ctx, "server")
	if err != nil {
		return "", err
	}
	if c.process = info["run_id"]; c.process != "" && !clustered {
		return c.process, nil
	}
	return c.LastWrite(ctx)
}

// LastWrite returns the number of the last write of a Kvrocks; empty: it tells none, or is no
// master.
func (c *Conn) LastWrite(ctx context.Context) (string, error) {
	info, err := c.Info(ctx, "replication")
	return c.written(info), err
}

// written is the state of a server by its INFO replication.
func (c *Conn) written(info map[string]string) string {
	last := info[lastWrite]
	switch {
	case last == "" || info["role"] == "slave":
		return ""
	case c.process == "":
		return last
	}
	return strings.Join([]string{c.process, info["master_replid"], last, info["master_replid2"], info["second_repl_offset"]}, " ")
}

// survey tells Fence.Serve in which states the masters are, if these are others than when it was
// last told.
func (f *Fencer) survey(ctx context.Context, cluster *Cluster) error {
	if f.Serve == nil {
		return nil
	}
	if f.turn.Acquire(ctx, 1) != nil {
		return context.Cause(ctx)
	}
	defer f.turn.Release(1)
	masters := slices.Sorted(slices.Values(cluster.Topology().Masters))
	if slices.Equal(masters, f.served) {
		return nil
	}
	ask := func(addr string) (string, error) {
		c, err := cluster.options.At(addr).Dial(ctx, Keyspace{})
		if err != nil {
			return "", err
		}
		defer c.Close()
		return c.state(ctx, true)
	}
	states := map[string]string{}
	for _, addr := range masters {
		state, err := ask(addr)
		if err != nil {
			cluster.doubt(addr)
			return err
		}
		if state != "" {
			states[addr] = state
		}
	}
	err := f.Serve(states, func(addr string) string {
		state, _ := ask(addr) // one that is not reached tells nothing
		return state
	})
	if err == nil {
		f.served = masters
	}
	return err
}

// exchange is that of c, over which Fence.Run is told the number of the last write if keys may have
// been changed. Info is the request for it.
func (r *Router) exchange(c *Conn, e *resp.Encoder, info resp.Request, n int, call func(i int) *Call) (answered int, err error) {
	if !r.changes || c.run == nil {
		return c.exchange(e, n, call)
	}
	told, last := c.run(c.addr), &Call{Request: info}
	answered, err = c.exchange(e, n+1, func(i int) *Call {
		if i == n {
			return last
		}
		return call(i)
	})
	if err == nil {
		if state := c.written(resp.Fields(last.Reply.String())); state != "" {
			err = told(state)
		}
	}
	return min(answered, n), err
}

// lose notes that c was closed with commands under way.
func (f *Fencer) lose(c *Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lost = append(f.lost, lostConn{addr: c.addr, name: c.name, harms: true})
}

// Unused notes that nothing was read over a connection that was closed.
func (f *Fencer) Unused() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unused++
}

// IsOne reports whether the server of c lists as many connections of the fencer's name as there
// were: all are to it, and none that was lost was made again elsewhere.
func (f *Fencer) IsOne(ctx context.Context, c *Conn) (bool, error) {
	list, err := c.Text(ctx, "CLIENT", "LIST")
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.joined - f.unused
	for line := range strings.Lines(list) {
		if strings.HasPrefix(ClientField(line, "name"), f.Name+run+":") {
			n--
		}
	}
	return n == 0, err
}

// toEnd returns the connections that are to be gone.
func (f *Fencer) toEnd() []lostConn {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.lost)
}

// IsSettled reports whether all lost connections are known to be gone. It is asked when all that
// may have lost one is closed.
func (f *Fencer) IsSettled() bool { return len(f.toEnd()) == 0 }

// Settle returns when all lost connections are gone from their servers. It is an ErrTransient if
// one stays. A server that stands alone has no cluster.
func (f *Fencer) Settle(ctx context.Context, o *Options, cluster *Cluster) error {
	if f.IsSettled() {
		return nil
	}
	if f.turn.Acquire(ctx, 1) != nil {
		return context.Cause(ctx)
	}
	defer f.turn.Release(1)
	lost := f.toEnd()
	servers, keyspace := []string{o.Addr}, o.MainKeyspace()
	if cluster != nil && len(lost) > 0 {
		t, err := cluster.current(ctx)
		if err != nil {
			return err
		}
		servers, keyspace = t.Masters, Keyspace{} // one that is none any more runs no write
	}
	for _, addr := range servers {
		there := slices.DeleteFunc(slices.Clone(lost), func(c lostConn) bool { return c.addr != "" && c.addr != addr })
		if len(there) == 0 {
			continue
		}
		why, err := o.At(addr).end(ctx, keyspace, there)
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

// Waits for a connection to be gone grow from the first, until the last is over: then the caller
// has to try again.
const (
	firstGone = 10 * time.Millisecond
	lastGone  = time.Second
)

// end ends connections of the server and returns when it lists none of them, or why that cannot be
// seen.
func (o *Options) end(ctx context.Context, k Keyspace, lost []lostConn) (why string, err error) {
	if slices.ContainsFunc(lost, func(l lostConn) bool { return l.name == "" }) {
		return fmt.Sprintf("target %s refuses CLIENT SETNAME", o.Addr), nil
	}
	c, err := o.Dial(ctx, k)
	if err != nil {
		return "", err
	}
	defer c.Close()
	own := "kvload-fence-" + rand.Text()
	if _, why, err = c.asked(ctx, "CLIENT", "SETNAME", own); why != "" || err != nil {
		return why, err
	}
	for wait := firstGone; ; wait *= 2 {
		list, why, err := c.asked(ctx, "CLIENT", "LIST")
		if why != "" || err != nil {
			return why, err
		}
		seen, busy, ids := false, false, []string(nil)
		for line := range strings.Lines(list) {
			name := ClientField(line, "name")
			seen = seen || name == own
			if i := slices.IndexFunc(lost, func(l lostConn) bool { return l.is(name) }); i >= 0 {
				ids, busy = append(ids, ClientField(line, "id")), busy || lost[i].dead && !lost[i].harms
			}
		}
		switch {
		case !seen:
			return fmt.Sprintf("CLIENT LIST of target %s does not show who asks: is there a proxy between that shares connections?", o.Addr), nil
		case len(ids) == 0:
			return "", nil
		case wait > lastGone && busy:
			return "", Mark(ErrBusy, fmt.Errorf("another run loads this dump into target %s, or undoes that, with another --state or from another host (CLIENT LIST has id %s): "+
				"wait for its end; if it is known to be gone: CLIENT KILL ID", o.Addr, strings.Join(ids, ", ")))
		case wait > lastGone:
			return "", Mark(ErrTransient, fmt.Errorf("target %s may still run commands that were sent over lost connections (CLIENT LIST has id %s): is there a proxy between that keeps them?",
				o.Addr, strings.Join(ids, ", ")))
		}
		for _, id := range ids {
			if busy {
				break
			}
			// Where that is refused, it goes by itself when the server sees that it was closed.
			if _, _, err := c.asked(ctx, "CLIENT", "KILL", "ID", id); err != nil {
				return "", err
			}
		}
		if err := retry.Sleep(ctx, wait); err != nil {
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

// asked sends a command that answers a text or a number, and returns why it was refused if it was
// for good.
func (c *Conn) asked(ctx context.Context, name string, args ...any) (text, why string, err error) {
	text, err = c.Text(ctx, name, args...)
	reply, refused := AsReply(err)
	switch advice := Fatal(reply); {
	case refused && errors.Is(advice, ErrTransient):
		return "", "", Mark(ErrTransient, fmt.Errorf("target %s refuses %s %s: %w", c.addr, name, args[0], advice))
	case refused:
		return "", fmt.Sprintf("target %s refuses %s %s: %s", c.addr, name, args[0], Shown(reply)), nil
	case err != nil:
		return "", "", connectFailed(c.addr, err)
	}
	return text, "", nil
}
