package writer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// errChanged: a key is being written to by somebody else.
var errChanged = errors.New("the key changes while it is read: stop what writes to the target, and run again")

// Read hands the records of a key to emit, in order. Look is what Look showed of it. What the
// records of a dump cannot hold is an ErrPreflight: types of Kvrocks' own, consumer groups.
func (v *Visitor) Read(ctx context.Context, key []byte, look KeyInfo, emit func(*format.Record) error) error {
	p := &pieces{key: key, look: look, emit: emit}
	var err error
	switch look.Kind {
	case format.String:
		err = v.readString(ctx, p)
	case format.Hash:
		if v.loader.target.Server == kvrocks {
			err = v.readFields(ctx, p)
		} else {
			err = v.readScanned(ctx, p, "HSCAN", 2)
		}
	case format.Set:
		err = v.readScanned(ctx, p, "SSCAN", 1)
	case format.Zset:
		if v.loader.target.Server == kvrocks {
			err = v.readScanned(ctx, p, "ZSCAN", 2) // ZRANGE counts from the first element on each time: SERVERS.md K13
		} else {
			err = v.readRanges(ctx, p)
		}
	case format.List:
		err = v.readRanges(ctx, p)
	case format.Stream:
		err = v.readStream(ctx, p)
	default:
		return preflightError("key %s of target %s is a %s, which no dump can hold: rename or remove it", quote(key), v.loader.options.Addr, look.Type)
	}
	if err == nil && look.Kind != format.String && p.elements != look.Length {
		err = errChanged
	}
	if err == nil {
		err = p.end()
	}
	if err != nil {
		return fmt.Errorf("read key %s of target %s: %w", quote(key), v.loader.options.Addr, err)
	}
	return nil
}

// pieces makes records of what is read. It holds one back, to mark the last.
type pieces struct {
	key      []byte
	look     KeyInfo
	emit     func(*format.Record) error
	held     *format.Record
	elements int64
}

func (p *pieces) add(r *format.Record) error {
	r.Kind, r.Key, r.Expire = p.look.Kind, p.key, p.look.Expire
	p.elements += int64(r.Elements())
	if p.held == nil {
		r.Part = format.PartFirst
	} else if err := p.emit(p.held); err != nil {
		return err
	}
	p.held = r
	return nil
}

func (p *pieces) end() error {
	if p.held == nil {
		return errChanged
	}
	p.held.Part |= format.PartLast
	return p.emit(p.held)
}

func (v *Visitor) readString(ctx context.Context, p *pieces) error {
	const piece = 8 << 20
	for at := int64(0); at == 0 || at < p.look.Length; at += piece {
		reply, err := v.one(ctx, "GETRANGE", p.key, at, at+piece-1)
		if err != nil {
			return err
		}
		text, _ := reply.(string)
		if int64(len(text)) != min(piece, p.look.Length-at) {
			return errChanged
		}
		if err := p.add(&format.Record{Value: []byte(text)}); err != nil {
			return err
		}
	}
	return nil
}

// addAll adds elements, which are width values, as records of a bounded number.
func (p *pieces) addAll(elems [][]byte, width int) error {
	for len(elems) > 0 {
		n := min(len(elems), width*pageElements)
		r := &format.Record{Elems: elems[:n]}
		if p.look.Kind == format.Zset {
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

// readFields reads a hash of a Kvrocks, by the names of its fields: no cursor can be lost (SERVERS.md K13).
func (v *Visitor) readFields(ctx context.Context, p *pieces) error {
	for from := []byte("-"); ; {
		n, reply, err := v.page(ctx, 1, func(n int) []any { return []any{"HRANGEBYLEX", p.key, from, "+", "LIMIT", 0, n} })
		if err != nil {
			return err
		}
		elems, err := reply.texts()
		if err == nil {
			err = p.addAll(elems, 2)
		}
		if err != nil || len(elems) < 2*n {
			return err
		}
		from = append([]byte("("), elems[len(elems)-2]...)
	}
}

// readScanned reads a hash, a set or a zset, whose elements are width values, by a cursor. A Redis whose table of a key shrinks under it
// shows some twice, a Kvrocks that has lost the cursor begins anew: the number of elements, and on a Kvrocks their order, tell.
func (v *Visitor) readScanned(ctx context.Context, p *pieces, scan string, width int) error {
	ordered := v.loader.target.Server == kvrocks
	least := 1
	if ordered {
		least = 2 // one that is the empty member is no cursor to go on from
	}
	var last []byte
	for cursor := "0"; ; {
		n, reply, err := v.page(ctx, least, func(n int) []any { return []any{scan, p.key, cursor, "COUNT", n} })
		if err != nil {
			return err
		}
		if len(reply.list) != 2 || !reply.list[0].isText() {
			return errUnexpected
		}
		cursor = reply.list[0].text
		elems, err := reply.list[1].texts()
		for i := 0; ordered && i < len(elems); i += width {
			if last != nil && bytes.Compare(elems[i], last) <= 0 {
				return errChanged
			}
			last = elems[i]
		}
		if ordered && len(elems) == width*n && (cursor == "0" || cursor == string(last)) {
			cursor = "_" + string(last) // it is a member without the mark of one: SERVERS.md K13
		}
		if err == nil {
			err = p.addAll(elems, width)
		}
		if err == nil && p.elements > p.look.Length {
			err = errChanged
		}
		if err != nil || cursor == "0" {
			return err
		}
	}
}

// readRanges reads a list, or a zset of a Redis.
func (v *Visitor) readRanges(ctx context.Context, p *pieces) error {
	command, scores := "LRANGE", []any(nil)
	if p.look.Kind == format.Zset {
		command, scores = "ZRANGE", []any{"WITHSCORES"}
	}
	for p.elements < p.look.Length {
		_, reply, err := v.page(ctx, 1, func(n int) []any {
			return append([]any{command, p.key, p.elements, p.elements + int64(n) - 1}, scores...)
		})
		if err != nil {
			return err
		}
		r := &format.Record{}
		if r.Elems, err = reply.texts(); err == nil && scores != nil {
			r.Elems, r.Scores, err = parseScores(r.Elems)
		}
		if err == nil && len(r.Elems) == 0 {
			err = errChanged
		}
		if err == nil {
			err = p.add(r)
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

func (v *Visitor) readStream(ctx context.Context, p *pieces) error {
	info, err := v.one(ctx, "XINFO", "STREAM", p.key)
	var refused *CommandError
	unknown := errors.As(err, &refused) && strings.Contains(refused.Reply, "no such key") // SERVERS.md K11
	if err != nil && !unknown {
		return err
	}
	state, groups, err := parseState(info)
	if err != nil {
		return err
	}
	if groups > 0 {
		return preflightError("it has %d consumer groups, which no dump can hold: remove them, or leave the key out", groups)
	}
	from := "-"
	for p.elements < p.look.Length {
		_, reply, err := v.page(ctx, 1, func(n int) []any { return []any{"XRANGE", p.key, from, "+", "COUNT", n} })
		if err != nil {
			return err
		}
		r := &format.Record{}
		if r.Entries, err = reply.entries(); err != nil {
			return err
		}
		if len(r.Entries) == 0 {
			return errChanged
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
		state.LastID, state.EntriesAdded = p.held.Entries[n-1].ID, uint64(p.look.Length)
	}
	p.held.State = state
	return nil
}

// parseState reads the reply to XINFO STREAM.
func parseState(info any) (*format.StreamState, int64, error) {
	list, _ := info.([]any)
	state, groups := &format.StreamState{}, int64(0)
	var err error
	for i := 0; i+1 < len(list); i += 2 {
		value := fmt.Sprint(list[i+1])
		var e error
		switch list[i] {
		case "last-generated-id":
			state.LastID, e = parseID(value)
		case "max-deleted-entry-id":
			state.MaxDeletedID, e = parseID(value)
		case "entries-added":
			state.EntriesAdded, e = strconv.ParseUint(value, 10, 64)
		case "groups":
			groups, e = strconv.ParseInt(value, 10, 64)
		}
		err = errors.Join(err, e)
	}
	return state, groups, err
}
