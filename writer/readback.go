package writer

import (
	"cmp"
	"context"
	"errors"
	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
	"strconv"
	"strings"
)

// A Reader reads back what the place of one source database holds, over one connection, or in a
// cluster one to each node. A context that ends cuts it. It sends only what every target knows, and nothing that goes wrong on one of them
// (SERVERS.md K13): members are asked for by name, unless one page of a scan is the whole of a key.
type Reader struct {
	loader *Loader
	db     int
	route  *route
	asked  []asked
	wire   wire
	name   string // of the command that is being built

	guarded bool // keys are watched
}

// NewReader opens a connection to read back the records of a source database.
func (l *Loader) NewReader(ctx context.Context, db int) (*Reader, error) {
	route, err := l.route(ctx, db, false)
	if err != nil {
		return nil, err
	}
	return &Reader{loader: l, db: db, route: route}, nil
}

// Close closes the connections.
func (r *Reader) Close() error { return r.route.Close() }

// An asked is a command of a flight and what is done with its reply.
type asked struct {
	question int
	decode   func(q *question.Question, reply *value) error
	name     string
	request
	reply value
}

// Ask fills in what the target holds of what is asked, in one pipeline. A key of another type
// costs another, and so does a small collection of other elements on a Kvrocks. An error is of the connection, or of a reply that no target gives.
func (r *Reader) Ask(ctx context.Context, qs []*question.Question) error {
	qs, cuts, err := r.cut(ctx, qs)
	if err != nil {
		return err
	}
	err = r.askAll(ctx, qs)
	for i := range cuts {
		cuts[i].restore()
	}
	return err
}

func (r *Reader) askAll(ctx context.Context, qs []*question.Question) error {
	r.reset()
	if r.guarded {
		r.watch(qs)
	}
	byTTL := !r.loader.target.tellsExpiry()
	if byTTL {
		r.addTime()
	}
	for i, q := range qs {
		q.Total = 0
		r.ask(q, i)
	}
	if byTTL {
		r.addTime()
	}
	wrong := map[int]bool{}
	again, err := r.answers(ctx, qs, wrong)
	if err != nil {
		return err
	}
	if byTTL {
		if err := r.fromTTL(qs); err != nil {
			return err
		}
	}
	r.reset()
	for _, i := range again {
		if q := qs[i]; q.Type == "" && !wrong[i] {
			r.askElements(q, i)
			r.askExpiry(q, i)
		}
	}
	if _, err := r.answers(ctx, qs, wrong); err != nil {
		return err
	}
	return r.types(ctx, qs, wrong)
}

// answers sends what has been added, and fills it in. It notes the questions whose keys are of another type, and returns
// those whose elements must be asked for by name.
func (r *Reader) answers(ctx context.Context, qs []*question.Question, wrong map[int]bool) (again []int, err error) {
	if err := r.exec(ctx); err != nil {
		return nil, err
	}
	for i := range r.asked {
		a := &r.asked[i]
		if a.question < 0 {
			if a.decode != nil && a.decode(nil, &a.reply) != nil {
				return nil, &ReadError{DB: r.db, Command: a.name, Reply: a.reply.String(), Err: cmp.Or(stopsLoad(a.reply.text), errUnexpected)}
			}
			continue
		}
		q := qs[a.question]
		if a.reply.kind == '-' {
			switch reply := a.reply.text; {
			case strings.Contains(reply, "WRONGTYPE"):
				wrong[a.question] = true
			case a.name == "XINFO" && strings.Contains(reply, "no such key"):
				// If it is so, its expiry says it too (SERVERS.md K11).
				q.Changed = "the server does not find its first or last entry any more"
			default:
				return nil, r.failed(q, a, reply, nil)
			}
			continue
		}
		if err := a.decode(q, &a.reply); errors.Is(err, errOtherNames) {
			again = append(again, a.question)
		} else if err != nil {
			return nil, r.failed(q, a, "", err)
		}
	}
	return again, nil
}

// types asks for the types of keys that are of another one.
func (r *Reader) types(ctx context.Context, qs []*question.Question, wrong map[int]bool) error {
	if len(wrong) == 0 {
		return nil
	}
	r.reset()
	for i := range wrong {
		r.add(i, nil, "TYPE", qs[i].Key)
	}
	if err := r.exec(ctx); err != nil {
		return err
	}
	for i := range r.asked {
		a := &r.asked[i]
		if a.reply.kind != '+' && a.reply.kind != '$' {
			return r.failed(qs[a.question], a, a.reply.String(), nil)
		}
		q := qs[a.question]
		if q.Type = a.reply.text; q.Type == typeName(q.Kind) {
			q.Type, q.Changed = "", "it was of another type while it was read"
		}
	}
	return nil
}

// begin starts a command about a key.
func (r *Reader) begin(name string, key ...[]byte) {
	r.name = name
	r.wire.begin(name)
	for _, k := range key {
		r.wire.bytes(k)
	}
}

// end completes the command that begin started, for question i; -1 for none.
func (r *Reader) end(i int, decode func(*question.Question, *value) error) {
	r.asked = append(r.asked, asked{question: i, decode: decode, name: r.name, request: r.wire.end()})
}

// add adds a command for question i.
func (r *Reader) add(i int, decode func(*question.Question, *value) error, name string, key ...[]byte) {
	r.begin(name, key...)
	r.end(i, decode)
}

// addMembers adds a command that names members.
func (r *Reader) addMembers(i int, decode func(*question.Question, *value) error, name string, key []byte, members [][]byte) {
	if len(members) == 0 {
		return
	}
	r.begin(name, key)
	for _, m := range members {
		r.wire.bytes(m)
	}
	r.end(i, decode)
}

// reset forgets the flight before. Nothing of its replies is held on to.
func (r *Reader) reset() {
	clear(r.asked)
	r.asked = r.asked[:0]
	r.wire.reset()
}

// exec sends what has been added. An error reply is not its error.
func (r *Reader) exec(ctx context.Context) error {
	if len(r.asked) == 0 {
		return nil
	}
	defer context.AfterFunc(ctx, r.route.abort)()
	err := r.route.read(ctx, &r.wire, r.asked)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return &ReadError{DB: r.db, Command: r.asked[0].name, Err: noEOF(err)}
}

func (r *Reader) failed(q *question.Question, a *asked, reply string, err error) error {
	if err == nil {
		err = errUnexpected
		if advice := stopsLoad(reply); errors.Is(advice, ErrAuth) || errors.Is(advice, ErrTransient) {
			err = advice
		}
	}
	return &ReadError{DB: r.db, Key: clone(q.Key), Command: a.name, Reply: reply, Err: err}
}

// A ReadError is why reading back stopped.
type ReadError struct {
	DB      int    // database of the source
	Key     []byte // on the target; nil when it is of no one key
	Command string
	Reply   string // empty when there was none
	Err     error
}

func (e *ReadError) Error() string {
	s := "read back database " + strconv.Itoa(e.DB)
	if e.Key != nil {
		s += ", key " + quote(e.Key)
	}
	s += ": " + e.Command
	if e.Reply != "" {
		s += " answered " + strconv.Quote(e.Reply)
	}
	return s + ": " + e.Err.Error()
}

func (e *ReadError) Unwrap() error { return e.Err }

// scanStep is how many names Scan asks for at a time.
const scanStep = 1000

// Scan hands over the names of all keys, in pages, some maybe twice. A cursor is text: a number,
// or on a Kvrocks that is set so `_` and a key (SERVERS.md K10). Numbers live in a ring that all clients share, and one that
// is lost begins anew: a Kvrocks lists in byte order, by which that is noticed, but not in a cluster (K13). Nothing is filtered by the
// server: a MATCH or TYPE would keep a Kvrocks busy until it has found COUNT keys (K13).
func (r *Reader) Scan(ctx context.Context, each func(names []string) error) error {
	defer context.AfterFunc(ctx, r.route.abort)()
	err := r.route.each(ctx, func(c *conn) error { return r.scan(ctx, c, each) })
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// errLostCursor: names come again.
var errLostCursor = errors.New("its cursor was lost, to many others' scans: names come again from the first; run this again")

func (r *Reader) scan(ctx context.Context, c *conn, each func(names []string) error) error {
	target := r.loader.target
	ordered, some, last := target.Server == kvrocks && !target.IsCluster(), false, ""
	for cursor := "0"; ; {
		page, err := c.Do(ctx, "SCAN", cursor, "COUNT", strconv.Itoa(scanStep)).Slice()
		if err != nil {
			reply, _ := errorReply(err)
			return &ReadError{DB: r.db, Command: "SCAN", Reply: reply, Err: noEOF(err)}
		}
		if len(page) != 2 {
			return &ReadError{DB: r.db, Command: "SCAN", Reply: show(page), Err: errUnexpected}
		}
		next, isText := page[0].(string)
		list, isList := page[1].([]any)
		if !isText || !isList {
			return &ReadError{DB: r.db, Command: "SCAN", Reply: show(page[0]), Err: errUnexpected}
		}
		names := make([]string, len(list))
		for i := range list {
			names[i], _ = list[i].(string) // nil is how some write the empty key
			if ordered && some && names[i] <= last {
				return &ReadError{DB: r.db, Command: "SCAN", Err: errLostCursor}
			}
			some, last = true, names[i]
		}
		if err := each(names); err != nil {
			return err
		}
		if next == "0" {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		cursor = next
	}
}

// addTime adds a reading of the target's clock.
func (r *Reader) addTime() {
	if r.loader.target.tellsTime() {
		r.add(-1, nil, "TIME")
	}
}

// fromTTL makes times of what PTTL answered between two readings of the clock. Those
// targets store seconds.
func (r *Reader) fromTTL(qs []*question.Question) error {
	now := r.loader.clock().UnixMilli()
	if r.loader.target.tellsTime() {
		before, err := clockReading(&r.asked[0].reply)
		if err != nil {
			return err
		}
		after, err := clockReading(&r.asked[len(r.asked)-1].reply)
		if err != nil {
			return err
		}
		now = (before + after) / 2
	}
	for _, q := range qs {
		if (q.Head || q.Tail) && q.Type == "" && q.Expire > 0 {
			q.Expire = roundedExpiry(now, q.Expire)
		}
	}
	return nil
}

// roundedExpiry is when a key expires that has ttl ms left at now, on a target that stores seconds (SERVERS.md K6).
func roundedExpiry(now, ttl int64) int64 { return (now + ttl + 500) / 1000 * 1000 }

func clockReading(v *value) (int64, error) {
	if len(v.list) != 2 {
		return 0, errUnexpected
	}
	return unixMilli(v.list[0].text, v.list[1].text)
}

// unixMilli is what TIME answers.
func unixMilli(seconds, micros string) (int64, error) {
	s, err1 := strconv.ParseInt(seconds, 10, 64)
	us, err2 := strconv.ParseInt(micros, 10, 64)
	return s*1000 + us/1000, errors.Join(err1, err2)
}
