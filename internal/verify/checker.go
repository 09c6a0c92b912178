package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
)

// A Source hands out the records of a part of a dump: the parts of a key together and in order.
// What Next returned is not used after the next call. It returns io.EOF at the end.
type Source interface {
	Next() (*format.Record, error)
}

// A Server reads back what one keyspace of a server holds, over one connection.
type Server interface {
	// Ask fills in the answers of the questions, in as few round trips as it can. Questions
	// of one key come in the order of its elements, in one call or in several. An error
	// is of the connection or the server: what concerns one key is in its answer.
	Ask(ctx context.Context, qs []*question.Question) error
	Close() error
}

// A Checker compares keys of one source database over one connection.
type Checker struct {
	server Server
	db     int
	o      *Options
	tally  *Tally
	spool  *Spool
	again  bool // there is another round: keys that differ go to the spool

	census   *Census
	sparing  bool  // keys may be spared; one of which there is something to say is read again
	seen     int64 // keys of this Check so far
	spared   int64 // as many as it had seen when the last one was spared
	expiries int64 // of so many keys only the expiry is asked, if the dump has none; 0: all of all

	open   *key // the key whose last part has not come yet
	skip   bool // the parts of the key at hand are not wanted
	free   []*key
	items  []*item // of the flight, and behind its length those used before
	n      int
	size   int
	qs     []*question.Question
	arena  []byte
	joined []byte // parts of a string that are still to be asked for

	now func() time.Time // by the server's clock: read only where an expiry may explain what is seen
}

// An item is a question and what the dump has.
type item struct {
	question.Question
	key     *key
	value   []byte
	values  [][]byte
	scores  []float64
	entries []format.Entry
}

// NewChecker returns a checker of the keys of a source database. Options, tally and what
// Report does with a difference are shared by all.
func NewChecker(server Server, db int, o *Options, tally *Tally) *Checker {
	return &Checker{server: server, db: db, o: o, tally: tally, spool: &Spool{}, now: time.Now}
}

// Close closes the connection and forgets the names of keys that differ.
func (c *Checker) Close() error { return errors.Join(c.server.Close(), c.spool.Close()) }

// Check compares the keys of src; in a round behind the first only those in names. If again is
// set, keys that differ are not reported, but returned.
func (c *Checker) Check(ctx context.Context, src Source, names *Names, again bool) (Names, error) {
	c.sparing, c.expiries = again && names == nil && c.census != nil, 0
	wanted := func(key []byte) (bool, error) { return c.o.Sample.Holds(key), nil }
	if names != nil {
		wanted = among(names.reader())
	}
	return c.check(ctx, src, wanted, again)
}

// CheckExpiries asks for the expiry of the keys of src that may have been spared that: the first
// ones, so many, but for those in names, and those that have one in the dump. It returns those that
// have one, or are not there.
func (c *Checker) CheckExpiries(ctx context.Context, src Source, names *Names, spared int64) (Names, error) {
	c.sparing, c.expiries = false, spared
	asked := among(names.reader())
	return c.check(ctx, src, func(key []byte) (bool, error) {
		was, err := asked(key)
		return !was && c.seen <= spared, err
	}, true)
}

func (c *Checker) check(ctx context.Context, src Source, wanted func([]byte) (bool, error), again bool) (Names, error) {
	from := c.spool.size
	c.again, c.seen, c.spared = again, 0, 0
	for c.expiries == 0 || c.seen <= c.expiries {
		r, err := src.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Names{}, err
		}
		if err := c.record(ctx, r, wanted); err != nil {
			return Names{}, err
		}
	}
	if err := c.flush(ctx); err != nil {
		return Names{}, err
	}
	return c.spool.since(from)
}

// CheckKeys compares the keys whose records each hands over.
func (c *Checker) CheckKeys(ctx context.Context, each func(emit func(*format.Record) error) error) error {
	all := func([]byte) (bool, error) { return true, nil }
	if err := each(func(r *format.Record) error { return c.record(ctx, r, all) }); err != nil {
		return err
	}
	return c.flush(ctx)
}

// among returns whether keys that come in order are among names that come in order. A key
// that is missing among the keys ends the names: it cannot be, they are of the same dump.
func among(next func() ([]byte, error)) func([]byte) (bool, error) {
	name, err := next()
	return func(key []byte) (bool, error) {
		if err != nil {
			return false, err
		}
		if name == nil || !bytes.Equal(name, key) {
			return false, nil
		}
		name, err = next()
		return true, err
	}
}

func (c *Checker) record(ctx context.Context, r *format.Record, wanted func([]byte) (bool, error)) error {
	if err := r.Validate(); err != nil {
		return fmt.Errorf("verify database %d, key %s: %w", c.db, quoted(r.Key), err)
	}
	if r.Part&format.PartFirst != 0 {
		c.seen++
		ok, err := wanted(r.Key)
		if err != nil {
			return err
		}
		c.skip = !ok
		if ok {
			if err := c.begin(r); err != nil {
				return err
			}
		}
	}
	if c.skip {
		return nil
	}
	k := c.open
	if k == nil || !bytes.Equal(k.source, r.Key) {
		return fmt.Errorf("verify database %d: key %s has no first part", c.db, quoted(r.Key))
	}
	if c.expiries > 0 {
		k.closed, c.open, c.skip = true, nil, true
		c.add(k, 0).Kind = format.String // of which this asks for no byte
		return c.full(ctx)
	}
	borrowed := r.Size() >= borrowBytes
	if err := c.queue(ctx, k, r, borrowed); err != nil {
		return err
	}
	if borrowed {
		if err := c.flush(ctx); err != nil {
			return err
		}
	}
	if r.Part&format.PartLast != 0 {
		k.closed, c.open = true, nil
		return c.done(k)
	}
	return nil
}

// begin makes a key of its first record, unless it is known not to be there.
func (c *Checker) begin(r *format.Record) error {
	name, class := []byte(nil), Class("")
	if c.o.Name != nil {
		name, class = c.o.Name(c.db, r.Kind, r.Key)
	}
	expire, short, detail := r.Expire, false, ""
	if c.o.Expire != nil && (class == "" || class == Renamed) {
		if expire, short = c.o.Expire(r.Expire); short {
			class, detail = LeftOut, "for its short life"
		}
	}
	if c.expiries > 0 && (class != "" || expire != 0) {
		c.skip = true // it was not spared
		return nil
	}
	if class != "" && class != Renamed {
		c.skip = true
		c.tally.add(1, 0)
		c.report(Difference{DB: c.db, Kind: r.Kind, Key: clone(r.Key), Class: class, Detail: detail})
		return nil
	}
	k := c.newKey()
	k.kind, k.expire, k.renamed = r.Kind, expire, class == Renamed
	k.source = append(k.source, r.Key...)
	k.name = append(k.name, r.Key...)
	if name != nil {
		k.name = append(k.name[:0], name...)
	}
	c.open = k
	return nil
}

// keptName is the largest name buffer that a key keeps for the next.
const keptName = 4 << 10

func (c *Checker) newKey() *key {
	n := len(c.free)
	if n == 0 {
		return &key{}
	}
	k := c.free[n-1]
	c.free = c.free[:n-1]
	*k = key{source: k.source[:0], name: k.name[:0], diffs: k.diffs[:0]}
	return k
}

// done ends a key of which everything has been seen.
func (c *Checker) done(k *key) error {
	if !k.closed || k.pending > 0 {
		return nil
	}
	defer func() {
		if cap(k.source) <= keptName && cap(k.name) <= keptName {
			clear(k.diffs)
			c.free = append(c.free, k)
		}
	}()
	if c.expiries > 0 {
		if k.typ == "" && k.gotExpire == 0 {
			return nil
		}
		c.tally.add(-1, 0) // it was equal, and is compared once more
		return c.spool.add(k.source)
	}
	verdict := c.judge(k)
	if c.o.Judge != nil {
		v := verdict // which else were on the heap for every key
		v.Found = k.diffs
		return c.o.Judge(&v)
	}
	if c.again && (k.differs() || c.sparing && len(k.diffs) > 0) {
		return c.spool.add(k.source)
	}
	c.census.found(k)
	differing := int64(0)
	if k.differs() {
		differing = 1
	}
	c.tally.add(1, differing)
	for _, d := range k.diffs {
		d.DB, d.Kind, d.Key = c.db, k.kind, clone(k.source)
		if !bytes.Equal(k.name, k.source) {
			d.NewName = clone(k.name)
		}
		c.report(d)
	}
	return nil
}

func (c *Checker) report(d Difference) {
	c.tally.found(d.Class)
	if c.o.Report != nil {
		c.o.Report(d)
	}
}

// flush asks what has been queued and compares the answers.
func (c *Checker) flush(ctx context.Context) error {
	if c.n == 0 {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	c.qs = c.qs[:0]
	spares := c.sparing && c.census.spares(ctx)
	for _, it := range c.items[:c.n] {
		if k := it.key; spares && it.Head && it.Tail && k.expire == 0 {
			it.Spare, c.spared = true, c.seen
		}
		if !it.key.over() {
			c.qs = append(c.qs, &it.Question)
		}
	}
	if len(c.qs) > 0 {
		release, err := c.o.Budget.Take(ctx, int64(c.size))
		if err != nil {
			return err
		}
		defer release()
		if err := c.server.Ask(ctx, c.qs); err != nil {
			return fmt.Errorf("verify database %d: %w", c.db, err)
		}
	}
	if c.o.Clock != nil {
		c.now = func() time.Time { return c.o.Clock(ctx) }
	}
	for _, it := range c.items[:c.n] {
		c.compare(it)
		it.key.pending--
		if err := c.done(it.key); err != nil {
			return err
		}
		it.reset()
	}
	clear(c.qs)
	c.n, c.size, c.arena = 0, 0, c.arena[:0]
	return nil
}

func (it *item) reset() {
	it.Question.Reset()
	clear(it.values)
	clear(it.entries)
	*it = item{Question: it.Question, values: it.values[:0], scores: it.scores[:0], entries: it.entries[:0]}
}
