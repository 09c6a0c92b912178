package writer

import (
	"errors"
	"fmt"
	"strings"
)

var errUnexpected = errors.New("no such answer was expected")

// check holds the reply of c against what it must be. It returns what is to be sent
// on account of it.
func (w *Worker) check(c *command) ([]command, error) {
	w.stats.commands.Add(1)
	if c.reply.kind == '-' {
		return w.refused(c, c.reply.text)
	}
	if c.group != nil {
		if !c.reply.is("OK") {
			return nil, w.stop(c, c.reply.String(), errUnexpected)
		}
		for _, k := range c.group {
			k.pending--
			k.data--
			k.written++
			w.done(k)
		}
		w.stats.elements.Add(int64(c.elements))
		w.stats.bytes.Add(int64(c.bytes))
		return nil, nil
	}
	k := c.key
	if n, _ := c.reply.integer(); c.drop && n > 0 && w.loader.options.OnExists == Replace {
		w.stats.dropped.Add(1)
	}
	if k.out != alive {
		// Sent before the reply that ended the key was read.
		w.answered(c)
		return nil, nil
	}
	if problem := c.problem(); problem != nil {
		if !w.hasPassed(k.expire) {
			if k.again || k.resumed {
				problem = unequal(problem)
			}
			return nil, w.stop(c, c.reply.String(), problem)
		}
		// The key was over before it was complete, and a command behind that may
		// have made it anew without an expiry.
		w.expire(k)
		w.answered(c)
		return []command{w.bury(k)}, nil
	}
	if c.data {
		k.written++
		k.taken += int64(c.elements)
		k.bytes += int64(c.bytes)
		w.stats.elements.Add(int64(c.elements))
		w.stats.bytes.Add(int64(c.bytes))
	}
	w.answered(c)
	return nil, nil
}

// problem says what is wrong with a reply.
func (c *command) problem() error {
	n, isInteger := c.reply.integer()
	switch c.want {
	case wantOK:
		if !c.reply.is("OK") {
			return errUnexpected
		}
	case wantID:
		if !c.reply.is(c.id.String()) {
			return fmt.Errorf("expected %s: does something else write to this key?", c.id)
		}
	case wantCount:
		if isInteger && c.key.resumed && !c.key.ordered() && n >= 0 && n <= c.n {
			return nil // some of them were there already: confirmLength counts
		}
		if !isInteger || n != c.n {
			return fmt.Errorf("expected %d, as of a fresh key: does something else write to it, or had the target this key before?", c.n)
		}
	case wantExpiry:
		want := int64(1)
		if c.key.written == 0 {
			want = 0 // every member so far was refused: there is no key
		}
		if !isInteger || n != want {
			return fmt.Errorf("expected %d: the key is gone, or the server could not write its expiry (look into its log)", want)
		}
	case wantAny:
		if !isInteger {
			return errUnexpected
		}
	}
	return nil
}

// bury returns the command that makes sure that k is expired.
func (w *Worker) bury(k *key) command {
	k.pending++
	w.batch.begin("PEXPIREAT")
	w.batch.name(k)
	w.batch.number(k.expire)
	return w.batch.made(command{key: k, want: wantAny, always: true})
}

// refused treats an error reply: it stops the load, or concerns one key or member.
func (w *Worker) refused(c *command, reply string) ([]command, error) {
	if advice := stopsLoad(reply); advice != nil {
		return nil, w.stop(c, reply, advice)
	}
	if c.group != nil {
		// Which of the keys it concerns is not said. Nothing has been written.
		return w.batch.singles(c), nil
	}
	k := c.key
	switch {
	case k.out != alive:
	case (k.again || k.resumed) && c.want == wantID && strings.Contains(reply, "equal or smaller"):
		return nil, w.stop(c, reply, unequal(errors.New("the stream has other entries than were written")))
	case c.member != nil && strings.Contains(reply, "not a valid float"):
		w.leaveMember(k, c.member, c.name, reply)
	default:
		w.leave(k, ReasonRefused, c.name, reply)
	}
	w.answered(c)
	return nil, nil
}

// stop is the error that ends a load at c.
func (w *Worker) stop(c *command, reply string, err error) error {
	e := &CommandError{DB: w.db, Command: c.name, Reply: reply, Err: err}
	if c.key != nil {
		e.Key = clone(c.key.source)
	} else if len(c.group) > 0 {
		e.Key = clone(c.group[0].source)
	}
	return e
}

// A stopper is an error reply after which no other command would fare better.
type stopper struct {
	text   string // the reply begins with it, or with "ERR " and it
	within bool   // the reply holds it anywhere
	kind   error  // ErrAuth, ErrTransient, ErrOperator, or none of them
	advice string
}

// stoppers are in the words of Kvrocks and of Redis (SERVERS.md K12).
var stoppers = []stopper{
	{text: "NOAUTH", kind: ErrAuth, advice: "the server has got a password since the load began: give it and load again"},
	{text: "NOPERM", kind: ErrAuth, advice: "this user may not run the command: give it the right, or use another user"},
	{text: "READONLY", kind: ErrOperator, advice: "the server has become a replica: load into its master"},
	{text: "MOVED", advice: "the server has become part of a cluster since the load began: run it again with --resume"},
	{text: "ASK ", advice: "the server has become part of a cluster since the load began: run it again with --resume"},
	{text: "CROSSSLOT", advice: "the server has become part of a cluster since the load began: run it again with --resume"},
	{text: "CLUSTERDOWN", kind: ErrTransient, advice: "the server does not serve all slots of its cluster: load again when it does"},
	{text: "TRYAGAIN", kind: ErrTransient, advice: "the server is moving slots of its cluster: load again when it is done"},
	{text: "MASTERDOWN", kind: ErrTransient, advice: "the server is a replica that has lost its master: load into a master"},
	{text: "LOADING", kind: ErrTransient, advice: "the server is loading its data: load again when it is done"},
	{text: "BUSY ", kind: ErrTransient, advice: "a script keeps the server busy: load again when it is done"},
	{text: "MISCONF", kind: ErrOperator, advice: "the server cannot save its data and takes no writes: look into its log"},
	{text: "NOREPLICAS", kind: ErrOperator, advice: "the server has too few replicas to take writes (min-replicas-to-write)"},
	{text: "OOM", kind: ErrOperator, advice: "the server has reached maxmemory: raise it, then load again"},
	{text: "max-db-size", within: true, kind: ErrOperator, advice: "the server has reached max-db-size: raise it, then load again"},
	{text: "space limit", within: true, kind: ErrOperator, advice: "the server has reached max-db-size: raise it, then load again"},
	{text: "no space left", within: true, kind: ErrOperator, advice: "the server's disk is full: make room, restart a Kvrocks that refuses all the same, then load again with --resume"},
	{text: "disk quota exceeded", within: true, kind: ErrOperator, advice: "the server's disk quota is used up: make room, restart a Kvrocks that refuses all the same, then load again with --resume"},
	{text: "io error", within: true, advice: "the server cannot write to its disk: look into its log"},
	{text: "corruption", within: true, advice: "the server finds its data damaged: look into its log"},
	{text: "shutdown in progress", within: true, kind: ErrTransient, advice: "the server is shutting down: load again when it is back"},
	{text: "write stall", within: true, kind: ErrTransient, advice: "the server's compaction is behind: load again with fewer workers"},
	{text: "max number of clients reached", kind: ErrTransient, advice: "the server has no connection free: raise maxclients or use fewer workers"},
	{text: "unknown command", advice: "the server does not know the command, or has it renamed: load a server that has it"},
	{text: "unknown subcommand", advice: "the server does not know the command: load a server that has it"},
	{text: "wrong number of arguments", advice: "the server does not know this form of the command: load a newer one"},
	{text: "syntax error", advice: "the server does not know this form of the command: load a newer one"},
	{text: "admin permission required", advice: "the namespace token may not run the command"},
	{text: "Protocol error", advice: "the server did not understand the pipeline and drops the connection (proto-max-bulk-len too small?)"},
}

// stopsLoad returns what to do about a reply that no other command would escape, or
// nil for one that concerns only its key.
func stopsLoad(reply string) error {
	bare := strings.TrimPrefix(reply, "ERR ")
	lower := strings.ToLower(reply)
	for i := range stoppers {
		s := &stoppers[i]
		if s.within && !strings.Contains(lower, s.text) || !s.within && !strings.HasPrefix(bare, s.text) {
			continue
		}
		if s.kind != nil {
			return &targetError{s.kind, s.advice}
		}
		return errors.New(s.advice)
	}
	return nil
}

// show writes a reply for an error.
func show(val any) string { return fmt.Sprint(val) }
