package readback

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// Read hands the records of a key to emit, in order. Info is what Info showed of it. What the
// records of a dump cannot hold is an ErrPreflight: types of Kvrocks' own, consumer groups.
func (c *Client) Read(ctx context.Context, key []byte, info KeyInfo, emit func(*format.Record) error) error {
	p := &recordMaker{key: key, info: info, emit: emit}
	var err error
	switch info.Kind {
	case format.String:
		err = c.readString(ctx, p)
	case format.Hash:
		if c.target.IsKvrocks() {
			err = c.readFields(ctx, p)
		} else {
			err = c.readScanned(ctx, p, "HSCAN", 2)
		}
	case format.Set:
		err = c.readScanned(ctx, p, "SSCAN", 1)
	case format.Zset:
		if c.target.IsKvrocks() {
			err = c.readScanned(ctx, p, "ZSCAN", 2) // ZRANGE counts from the first element on each time: SERVERS.md K13
		} else {
			err = c.readRanges(ctx, p)
		}
	case format.List:
		err = c.readRanges(ctx, p)
	case format.Stream:
		err = c.readStream(ctx, p)
	default:
		return conn.Preflightf("key %s of target %s is a %s, which no dump can hold: rename or remove it", resp.Quote(key), c.target.Addr, info.Type)
	}
	if err == nil && info.Kind != format.String && p.elements != info.Length {
		err = ErrChanged
	}
	if err == nil {
		err = p.end()
	}
	if err != nil {
		return c.unread(key, err)
	}
	return nil
}

// A recordMaker makes records of what is read. It holds one back, to mark the last.
type recordMaker struct {
	key      []byte
	info     KeyInfo
	emit     func(*format.Record) error
	held     *format.Record
	elements int64
}

func (p *recordMaker) add(r *format.Record) error {
	r.Kind, r.Key, r.Expire = p.info.Kind, p.key, p.info.Expire
	p.elements += int64(r.Elements())
	if p.held == nil {
		r.Part = format.PartFirst
	} else if err := p.emit(p.held); err != nil {
		return err
	}
	p.held = r
	return nil
}

func (p *recordMaker) end() error {
	if p.held == nil {
		return ErrChanged
	}
	p.held.Part |= format.PartLast
	return p.emit(p.held)
}

func (c *Client) readString(ctx context.Context, p *recordMaker) error {
	const piece = 8 << 20
	for at := int64(0); at == 0 || at < p.info.Length; at += piece {
		reply, err := c.one(ctx, "GETRANGE", p.key, at, at+piece-1)
		if err != nil {
			return err
		}
		if int64(len(reply.Text)) != min(piece, p.info.Length-at) {
			return ErrChanged
		}
		if err := p.add(&format.Record{Value: []byte(reply.Text)}); err != nil {
			return err
		}
	}
	return nil
}

// addAll adds elements, which are width values, as records of a bounded number.
func (p *recordMaker) addAll(elems [][]byte, width int) error {
	for len(elems) > 0 {
		n := min(len(elems), width*pageElements)
		r := &format.Record{Elems: elems[:n]}
		if p.info.Kind == format.Zset {
			var err error
			if r.Elems, r.Scores, err = parseScores(r.Elems); err != nil {
				return err
			}
		}
		if err := p.add(r); err != nil {
			return err
		}
		elems = elems[n:]
	}
	return nil
}

// readFields reads a hash of a Kvrocks, by the names of its fields: no cursor can be lost
// (SERVERS.md K13).
func (c *Client) readFields(ctx context.Context, p *recordMaker) error {
	for from := []byte("-"); ; {
		n, reply, err := c.page(ctx, 1, func(n int) []any { return []any{"HRANGEBYLEX", p.key, from, "+", "LIMIT", 0, n} })
		if err != nil {
			return err
		}
		elems, err := reply.Texts()
		if err == nil {
			err = p.addAll(elems, 2)
		}
		if err != nil || len(elems) < 2*n {
			return err
		}
		from = append([]byte("("), elems[len(elems)-2]...)
	}
}

// readScanned reads a hash, a set or a zset, whose elements are width values, by a cursor. A Redis
// whose table of a key shrinks under it shows some twice, a Kvrocks that has lost the cursor begins
// anew: the number of elements, and on a Kvrocks their order, tell.
func (c *Client) readScanned(ctx context.Context, p *recordMaker, scan string, width int) error {
	ordered := c.target.IsKvrocks()
	least := 1
	if ordered {
		least = 2 // one that is the empty member is no cursor to go on from
	}
	var last []byte
	for cursor := "0"; ; {
		n, reply, err := c.page(ctx, least, func(n int) []any { return []any{scan, p.key, cursor, "COUNT", n} })
		if err != nil {
			return err
		}
		if len(reply.List) != 2 || !reply.List[0].IsText() {
			return resp.ErrUnexpected
		}
		cursor = reply.List[0].Text
		elems, err := reply.List[1].Texts()
		for i := 0; ordered && i < len(elems); i += width {
			if last != nil && bytes.Compare(elems[i], last) <= 0 {
				return ErrChanged
			}
			last = elems[i]
		}
		if ordered && len(elems) == width*n && (cursor == "0" || cursor == string(last)) {
			cursor = "_" + string(last) // it is a member without the mark of one: SERVERS.md K13
		}
		if err == nil {
			err = p.addAll(elems, width)
		}
		if err == nil && p.elements > p.info.Length {
			err = ErrChanged
		}
		if err != nil || cursor == "0" {
			return err
		}
	}
}

// readRanges reads a list, or a zset of a Redis.
func (c *Client) readRanges(ctx context.Context, p *recordMaker) error {
	command, scores, width := "LRANGE", []any(nil), 1
	if p.info.Kind == format.Zset {
		command, scores, width = "ZRANGE", []any{"WITHSCORES"}, 2
	}
	for p.elements < p.info.Length {
		_, reply, err := c.page(ctx, 1, func(n int) []any {
			return append([]any{command, p.key, p.elements, p.elements + int64(n) - 1}, scores...)
		})
		if err != nil {
			return err
		}
		elems, err := reply.Texts()
		if err == nil && len(elems) == 0 {
			err = ErrChanged
		}
		if err == nil {
			err = p.addAll(elems, width)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func parseScores(pairs [][]byte) (members [][]byte, scores []float64, err error) {
	for i := 0; i+1 < len(pairs); i += 2 {
		score, err := parseScore(string(pairs[i+1]))
		if err != nil {
			return nil, nil, err
		}
		members, scores = append(members, pairs[i]), append(scores, score)
	}
	return members, scores, nil
}

func (c *Client) readStream(ctx context.Context, p *recordMaker) error {
	state, groups := &format.StreamState{}, int64(0)
	info, err := c.one(ctx, "XINFO", "STREAM", p.key)
	var refused *Error
	unknown := errors.As(err, &refused) && strings.Contains(refused.Reply, "no such key") // SERVERS.md K11
	if err == nil {
		state, groups, _, err = parseState(info)
	}
	if err != nil && !unknown {
		return err
	}
	if groups == 0 && c.target.ListsGroups() {
		list, err := c.one(ctx, "XINFO", "GROUPS", p.key)
		if err == nil {
			groups, err = countGroups(list)
		}
		if err != nil && !unknown {
			return err
		}
	}
	if groups > 0 {
		return conn.Preflightf("it has %s, which no dump can hold: rename the key, or leave streams out with --type (no XGROUP DESTROY: a Kvrocks deletes entries with it)", consumerGroups(groups)) // SERVERS.md K11
	}
	from := "-"
	for p.elements < p.info.Length {
		_, reply, err := c.page(ctx, 1, func(n int) []any { return []any{"XRANGE", p.key, from, target.LastID.String(), "COUNT", n} })
		if err != nil {
			return err
		}
		r := &format.Record{}
		err = eachEntry(reply, func(id format.StreamID, values []resp.Reply) {
			e := format.Entry{ID: id, Fields: make([][]byte, len(values))}
			for i := range values {
				e.Fields[i] = []byte(values[i].Text)
			}
			r.Entries = append(r.Entries, e)
		})
		if err != nil {
			return err
		}
		if len(r.Entries) == 0 && from != target.LastID.String() {
			from = target.LastID.String() // alone it is shown (SERVERS.md K11)
			continue
		}
		if len(r.Entries) == 0 {
			return fmt.Errorf("%w; XLEN counts %d entries, XRANGE shows %d: if nobody writes, rename the key", ErrChanged, p.info.Length, p.elements) // K11
		}
		from = "(" + r.Entries[len(r.Entries)-1].ID.String()
		if err := p.add(r); err != nil {
			return err
		}
	}
	if p.held == nil {
		if err := p.add(&format.Record{}); err != nil {
			return err
		}
	}
	if n := len(p.held.Entries); unknown && n > 0 {
		state.LastID, state.EntriesAdded = p.held.Entries[n-1].ID, uint64(p.info.Length)
	}
	p.held.State = state
	return nil
}

// A page is what is read of a key at once: so many elements that their bytes are about pageBytes.
// How large they are is known only when they have come. A reply of several that passes pageLimit is
// given up with its connection, and an eighth is asked for.
const (
	pageElements = 200
	pageBytes    = 1 << 20
	pageLimit    = 4 << 20
)

// page sends a command for at most n elements, never fewer than least, and returns the n and the
// reply, which is valid until the next command.
func (c *Client) page(ctx context.Context, least int, command func(n int) []any) (n int, reply *resp.Reply, err error) {
	defer func() { c.limit = 0 }()
	for {
		if n = max(least, c.elements); c.elements == 0 {
			n = pageElements
		}
		if c.limit = pageLimit; n == least {
			c.limit = 0
		}
		args := command(n)
		reply, err = c.one(ctx, args[0].(string), args[1:]...)
		if errors.Is(err, resp.ErrTooLarge) && n > least {
			c.elements = max(1, n/8)
			continue
		}
		if err != nil {
			return n, nil, err
		}
		if reply.Kind != '*' {
			return n, nil, resp.ErrUnexpected
		}
		switch size := reply.Size(); {
		case size > pageBytes:
			c.elements = max(1, n/2)
		case size < pageBytes/4:
			c.elements = min(pageElements, 2*n)
		}
		return n, reply, nil
	}
}

// one sends a command as often as it takes. The reply is valid until the next command.
func (c *Client) one(ctx context.Context, name string, args ...any) (*resp.Reply, error) {
	if err := c.all(ctx, func() { c.add(-1, nil, name, args...) }); err != nil {
		return nil, err
	}
	return &c.calls[0].Reply, nil
}
