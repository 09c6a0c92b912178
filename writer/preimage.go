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

// visitPiece is how many elements are read at once, and visitWhole up to how many a hash or set is
// read in one go.
const (
	visitPiece = 200
	visitWhole = 10_000
)

// errChanged: a key is being written to by somebody else.
var errChanged = errors.New("the key changes while it is read: stop what writes to the target, and run again")

// Read hands the records of a key to emit, in order. Look is what Look showed of it. What the
// records of a dump cannot hold is an ErrPreflight: types of Kvrocks' own, consumer groups.
func (v *Visitor) Read(ctx context.Context, key []byte, look Look, emit func(*format.Record) error) error {
	p := &pieces{key: key, look: look, emit: emit}
	var err error
	switch look.Kind {
	case format.String:
		err = v.readString(ctx, p)
	case format.Hash:
		err = v.readScanned(ctx, p, "HGETALL", "HSCAN", 2)
	case format.Set:
		err = v.readScanned(ctx, p, "SMEMBERS", "SSCAN", 1)
	case format.List, format.Zset:
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
	look     Look
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

// readScanned reads a hash or a set, whose elements are width values.
func (v *Visitor) readScanned(ctx context.Context, p *pieces, whole, scan string, width int) error {
	inOne := p.look.Length <= visitWhole || v.loader.target.Server != kvrocks // Redis' scans repeat elements
	cursor, last := "0", []byte(nil)
	for {
		var elems [][]byte
		if inOne {
			var err error
			if elems, err = v.texts(ctx, whole, p.key); err != nil {
				return err
			}
			cursor = "0"
		} else {
			reply, err := v.one(ctx, scan, p.key, cursor, "COUNT", visitPiece)
			if err != nil {
				return err
			}
			page, _ := reply.([]any)
			if len(page) != 2 {
				return errUnexpected
			}
			cursor, _ = page[0].(string)
			elems = texts(page[1])
			for i := 0; i < len(elems); i += width { // a cursor that is lost begins anew, silently
				if last != nil && bytes.Compare(elems[i], last) <= 0 {
					return errChanged
				}
				last = elems[i]
			}
		}
		for len(elems) > 0 {
			n := min(len(elems), width*visitPiece)
			if err := p.add(&format.Record{Elems: elems[:n]}); err != nil {
				return err
			}
			elems = elems[n:]
		}
		if cursor == "0" {
			return nil
		}
	}
}

// readRanges reads a list or a zset.
func (v *Visitor) readRanges(ctx context.Context, p *pieces) error {
	for at := int64(0); at < p.look.Length; at += visitPiece {
		r := &format.Record{}
		var err error
		if p.look.Kind == format.List {
			r.Elems, err = v.texts(ctx, "LRANGE", p.key, at, at+visitPiece-1)
		} else {
			var pairs [][]byte
			if pairs, err = v.texts(ctx, "ZRANGE", p.key, at, at+visitPiece-1, "WITHSCORES"); err == nil {
				r.Elems, r.Scores, err = parseScores(pairs)
			}
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
		reply, err := v.one(ctx, "XRANGE", p.key, from, "+", "COUNT", visitPiece)
		if err != nil {
			return err
		}
		list, _ := reply.([]any)
		if len(list) == 0 {
			return errChanged
		}
		r := &format.Record{}
		for _, e := range list {
			pair, _ := e.([]any)
			if len(pair) != 2 {
				return errUnexpected
			}
			from = fmt.Sprint(pair[0])
			id, err := parseID(from)
			if err != nil {
				return err
			}
			r.Entries = append(r.Entries, format.Entry{ID: id, Fields: texts(pair[1])})
		}
		from = "(" + from
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
