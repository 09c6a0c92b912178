package writer

import (
	"errors"
	"strconv"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// takeExpiry takes the reply to PEXPIRETIME or PTTL: -1 for never, -2 for no such key.
func takeExpiry(p *Piece, reply any) error {
	n, ok := reply.(int64)
	switch {
	case !ok || n < -2:
		return errUnexpected
	case n == -2:
		p.Type = TypeNone
	case n == -1:
		p.Expire = 0
	default:
		p.Expire = n
	}
	return nil
}

func takeTotal(p *Piece, reply any) error {
	n, ok := reply.(int64)
	if !ok {
		return errUnexpected
	}
	p.Total = n
	return nil
}

// takeText takes a value. Kvrocks before 2.7 writes an empty one as nil.
func takeText(p *Piece, reply any) error {
	text, ok := reply.(string)
	if !ok && reply != nil {
		return errUnexpected
	}
	p.Values = append(p.Values, text)
	return nil
}

func takeElements(p *Piece, reply any) error {
	list, ok := reply.([]any)
	if !ok {
		return errUnexpected
	}
	for _, v := range list {
		if err := takeText(p, v); err != nil {
			return err
		}
	}
	return nil
}

// takeTexts takes one value for each of Elems, nil for those that are not there.
func takeTexts(p *Piece, reply any) error {
	list, ok := reply.([]any)
	if !ok || len(list) != len(p.Elems) {
		return errUnexpected
	}
	for _, v := range list {
		p.Found = append(p.Found, v != nil)
		if err := takeText(p, v); err != nil {
			return err
		}
	}
	return nil
}

func takeMembership(p *Piece, reply any) error {
	list, ok := reply.([]any)
	if !ok || len(list) != len(p.Elems) {
		return errUnexpected
	}
	for _, v := range list {
		p.Found = append(p.Found, v == int64(1))
	}
	return nil
}

// takeScores takes the reply to ZMSCORE, in which some Kvrocks wrap every score into a second
// bulk string, and so the nil of one that is not there (SERVERS.md K13).
func takeScores(p *Piece, reply any) error {
	if err := takeTexts(p, reply); err != nil {
		return err
	}
	for i, text := range p.Values {
		if wrapped, ok := strings.CutPrefix(text, "$"); ok {
			_, text, _ = strings.Cut(strings.TrimSuffix(wrapped, "\r\n"), "\r\n")
			p.Found[i] = wrapped != "-1\r\n"
		}
		score := 0.0
		if p.Found[i] {
			var err error
			if score, err = strconv.ParseFloat(text, 64); err != nil && !errors.Is(err, strconv.ErrRange) {
				return errUnexpected
			}
		}
		p.Scores = append(p.Scores, score)
	}
	return nil
}

// takeEntries takes the reply to XRANGE, where Kvrocks before 2.13 writes an empty value as nil
// (SERVERS.md K11).
func takeEntries(p *Piece, reply any) error {
	list, ok := reply.([]any)
	if !ok {
		return errUnexpected
	}
	for _, v := range list {
		entry, ok := v.([]any)
		if !ok || len(entry) != 2 {
			return errUnexpected
		}
		id, err := parseID(entry[0])
		if err != nil {
			return err
		}
		values, ok := entry[1].([]any)
		if !ok {
			return errUnexpected
		}
		fields := make([]string, len(values))
		for i := range values {
			if fields[i], ok = values[i].(string); !ok && values[i] != nil {
				return errUnexpected
			}
		}
		p.IDs, p.Fields = append(p.IDs, id), append(p.Fields, fields)
	}
	return nil
}

// takeState takes the reply to XINFO STREAM: names and values in turn.
func takeState(p *Piece, reply any) error {
	list, ok := reply.([]any)
	if !ok {
		return errUnexpected
	}
	var s format.StreamState
	known := 0
	for i := 0; i+1 < len(list); i += 2 {
		var err error
		switch list[i] {
		case "last-generated-id":
			s.LastID, err = parseID(list[i+1])
			known++
		case "max-deleted-entry-id":
			s.MaxDeletedID, err = parseID(list[i+1])
			known++
		case "entries-added":
			n, ok := list[i+1].(int64)
			if !ok {
				err = errUnexpected
			}
			s.EntriesAdded = uint64(n)
			known++
		}
		if err != nil {
			return err
		}
	}
	if known == 3 {
		p.State = &s
	}
	return nil
}

func parseID(v any) (id format.StreamID, err error) {
	text, _ := v.(string)
	ms, seq, ok := strings.Cut(text, "-")
	var err1, err2 error
	id.Ms, err1 = strconv.ParseUint(ms, 10, 64)
	id.Seq, err2 = strconv.ParseUint(seq, 10, 64)
	if !ok || err1 != nil || err2 != nil {
		return id, errUnexpected
	}
	return id, nil
}
