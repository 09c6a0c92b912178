package writer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
)

// A bulkLimit is how many bytes one argument may have: what is longer makes the target close the connection, and
// what was sent in the same breath is lost with it (SERVERS.md K4). What cannot be sent is not there, either. A server that does
// not tell its proto-max-bulk-len is asked with an argument of the length in question, over a connection of its own.
type bulkLimit struct {
	taken   atomic.Int64 // so many are known to be taken
	refused atomic.Int64 // so many, and more, are not
	asking  sync.Mutex
}

// leastBulk is the smallest proto-max-bulk-len that can be set.
const leastBulk = 1 << 20

// newBulkLimit starts from what the target says.
func newBulkLimit(t *Target) *bulkLimit {
	b := &bulkLimit{}
	b.taken.Store(t.MaxBulk)
	if b.refused.Store(t.MaxBulk + 1); !t.tellsBulk {
		b.taken.Store(leastBulk)
	}
	return b
}

// takes reports whether an argument of n bytes is known to be taken.
func (b *bulkLimit) takes(n int) bool { return int64(n) <= b.taken.Load() }

// text says why an argument of n bytes is not sent.
func (b *bulkLimit) text(what string, n int) string {
	taken, refused := b.taken.Load(), b.refused.Load()
	if refused == taken+1 {
		return fmt.Sprintf("%s of %d bytes: the target takes at most %d (proto-max-bulk-len)", what, n, taken)
	}
	return fmt.Sprintf("%s of %d bytes: the target closes the connection at %d (proto-max-bulk-len, which it does not tell)", what, n, refused)
}

// learnBulk finds out whether the target takes arguments of these lengths.
func (l *Loader) learnBulk(ctx context.Context, args ...[]byte) error {
	for _, a := range args {
		if l.bulk.takes(len(a)) {
			continue
		}
		if err := l.askBulk(ctx, int64(len(a))); err != nil {
			return err
		}
	}
	return nil
}

// askBulk finds out whether the target takes n bytes, if that is not known.
func (l *Loader) askBulk(ctx context.Context, n int64) error {
	b := l.bulk
	b.asking.Lock()
	defer b.asking.Unlock()
	if n <= b.taken.Load() || n >= b.refused.Load() {
		return nil
	}
	ok, err := l.tryBulk(ctx, int(n))
	switch {
	case err != nil:
		return err
	case ok:
		b.taken.Store(n)
	default:
		b.refused.Store(n)
	}
	return nil
}

// bulkTries is how many times in a row a connection must end at an argument that nothing else explains.
const bulkTries = 3

// tryBulk asks every master with an argument of n bytes.
func (l *Loader) tryBulk(ctx context.Context, n int) (bool, error) {
	addrs, place := []string{l.options.Addr}, l.options.Keyspaces[slices.Sorted(maps.Keys(l.options.Keyspaces))[0]]
	if l.cluster != nil {
		addrs = l.cluster.topology().masters
	}
	for _, addr := range addrs {
		o := l.options.at(addr)
		for try := 1; ; try++ {
			c, err := o.dial(ctx, place)
			if err != nil {
				return false, err // it is not for the argument
			}
			ok, err := c.tryBulk(ctx, n)
			c.Close()
			if ctx.Err() != nil {
				return false, context.Cause(ctx)
			}
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				return false, o.connectError(err)
			}
			if err == nil && !ok || try == bulkTries && err != nil {
				return false, nil
			}
			if err == nil {
				break
			}
		}
	}
	return true, nil
}

// tryBulk reports whether the server takes an argument of n bytes, here the name of a key that it is asked for. An error is of
// the connection: often the reply is lost with it.
func (c *conn) tryBulk(ctx context.Context, n int) (bool, error) {
	defer context.AfterFunc(ctx, c.abort)()
	zeros := make([]byte, bufferSize)
	head := fmt.Appendf(nil, "*2\r\n$6\r\nEXISTS\r\n$%d\r\n", n)
	write := func(b []byte) error {
		if err := c.net.SetDeadline(time.Now().Add(c.timeout)); err != nil {
			return err
		}
		_, err := c.net.Write(b)
		return err
	}
	err := write(head)
	for left := n; left > 0 && err == nil; left -= len(zeros) {
		err = write(zeros[:min(left, len(zeros))])
	}
	if err == nil {
		err = write([]byte("\r\n"))
	}
	// What it said before it closed the connection may be there still.
	line, rerr := readLine(bufio.NewReader(c.net))
	if rerr != nil {
		return false, errors.Join(err, rerr)
	}
	return !strings.Contains(string(line), "Protocol error"), nil
}

// learn finds out whether the target takes what a record holds. A string is asked for when it is written.
func (w *Worker) learn(ctx context.Context, r *format.Record) error {
	if r.Size() <= leastBulk {
		return nil
	}
	err := errors.Join(w.loader.learnBulk(ctx, r.Key), w.loader.learnBulk(ctx, r.Elems...))
	for i := range r.Entries {
		err = errors.Join(err, w.loader.learnBulk(ctx, r.Entries[i].Fields...))
	}
	return err
}

// tooLong reports whether the target takes no argument of b's length.
func (w *Worker) tooLong(b []byte) bool { return !w.loader.bulk.takes(len(b)) }

func (w *Worker) limitText(what string, n int) string { return w.loader.bulk.text(what, n) }

// A cutQuestion is a question of which some elements are not asked for: they cannot be sent, and so are not there.
type cutQuestion struct {
	*question.Question
	elems [][]byte
	sent  []bool // which of elems are
}

// cut takes out of questions what cannot be sent, and returns those that are left to be asked for.
func (r *Reader) cut(ctx context.Context, qs []*question.Question) (asked []*question.Question, cuts []cutQuestion, err error) {
	l := r.loader
	for _, p := range qs {
		members := p.Elems
		if p.Kind == format.List {
			members = nil // they are asked for by place
		}
		if err := errors.Join(l.learnBulk(ctx, p.Key), l.learnBulk(ctx, members...)); err != nil {
			return nil, nil, err
		}
		if !l.bulk.takes(len(p.Key)) {
			p.Type, p.Unasked = question.TypeNone, l.bulk.text("name", len(p.Key))
			continue
		}
		asked = append(asked, p)
		c := cutQuestion{Question: p, elems: p.Elems}
		for i, m := range members {
			if l.bulk.takes(len(m)) {
				continue
			}
			if c.sent == nil {
				p.Elems = slices.Clone(p.Elems[:i])
				c.sent = slices.Repeat([]bool{true}, len(members))
				p.Unasked = l.bulk.text("element", len(m))
			}
			c.sent[i] = false
		}
		if c.sent == nil {
			continue
		}
		for i := len(p.Elems); i < len(members); i++ {
			if c.sent[i] {
				p.Elems = append(p.Elems, members[i])
			}
		}
		cuts = append(cuts, c)
	}
	return asked, cuts, nil
}

// restore puts back what was taken out, as not found.
func (c *cutQuestion) restore() {
	n := len(c.Elems)
	c.Elems = c.elems
	c.Values, c.Found, c.Scores = spread(c.Values, n, c.sent), spread(c.Found, n, c.sent), spread(c.Scores, n, c.sent)
}

// spread makes the n answers to what was sent as many as there are elements. Without answers it makes none.
func spread[T any](answers []T, n int, sent []bool) []T {
	if len(answers) != n {
		return answers
	}
	all := make([]T, len(sent))
	for i := range sent {
		if sent[i] {
			all[i], answers = answers[0], answers[1:]
		}
	}
	return all
}
