package writer

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
)

// decodeExpiry takes the reply to PEXPIRETIME or PTTL: -1 for never, -2 for no such key.
func decodeExpiry(q *question.Question, reply *value) error {
	switch {
	case reply.kind != ':' || reply.n < -2:
		return errUnexpected
	case reply.n == -2:
		q.Type = question.TypeNone
	case reply.n == -1:
		q.Expire = 0
	default:
		q.Expire = reply.n
	}
	return nil
}

func decodeTotal(q *question.Question, reply *value) error {
	if reply.kind != ':' {
		return errUnexpected
	}
	q.Total = reply.n
	return nil
}

// decodeText takes a value. Kvrocks before 2.7 writes an empty one as nil.
func decodeText(q *question.Question, reply *value) error {
	if !reply.isText() {
		return errUnexpected
	}
	q.Values = append(q.Values, reply.text)
	return nil
}

func decodeElements(q *question.Question, reply *value) error {
	if reply.kind != '*' {
		return errUnexpected
	}
	for i := range reply.list {
		if err := decodeText(q, &reply.list[i]); err != nil {
			return err
		}
	}
	return nil
}

// decodeTexts takes one value for each of Elems, nil for those that are not there.
func decodeTexts(q *question.Question, reply *value) error {
	if reply.kind != '*' || len(reply.list) != len(q.Elems) {
		return errUnexpected
	}
	for i := range reply.list {
		v := &reply.list[i]
		q.Found = append(q.Found, v.kind != 0)
		if err := decodeText(q, v); err != nil {
			return err
		}
	}
	return nil
}

func decodeMembership(q *question.Question, reply *value) error {
	if reply.kind != '*' || len(reply.list) != len(q.Elems) {
		return errUnexpected
	}
	for _, v := range reply.list {
		q.Found = append(q.Found, v.kind == ':' && v.n == 1)
	}
	return nil
}

// decodeScores takes the reply to ZMSCORE, in which some Kvrocks wrap every score into a second
// bulk string, and so the nil of one that is not there (SERVERS.md K13).
func decodeScores(q *question.Question, reply *value) error {
	if err := decodeTexts(q, reply); err != nil {
		return err
	}
	for i, text := range q.Values {
		if wrapped, ok := strings.CutPrefix(text, "$"); ok {
			_, text, _ = strings.Cut(strings.TrimSuffix(wrapped, "\r\n"), "\r\n")
			q.Found[i] = wrapped != "-1\r\n"
		}
		score := 0.0
		if q.Found[i] {
			var err error
			if score, err = parseScore(text); err != nil {
				return err
			}
		}
		q.Scores = append(q.Scores, score)
	}
	return nil
}

func parseScore(text string) (float64, error) {
	score, err := strconv.ParseFloat(text, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, errUnexpected
	}
	return score, nil
}

// errOtherNames says that a key holds not just what is asked for, which must then be asked for by name.
var errOtherNames = errors.New("the key has other elements")

// decodePage takes the first page of HSCAN, SSCAN or ZSCAN if it is the whole of the key and has the names that Elems has.
func decodePage(q *question.Question, reply *value) error {
	if len(reply.list) != 2 || !reply.list[0].isText() || reply.list[1].kind != '*' {
		return errUnexpected
	}
	step := 2
	if q.Kind == format.Set {
		step = 1
	}
	page := reply.list[1].list
	if reply.list[0].text != "0" || len(page) != step*len(q.Elems) {
		return errOtherNames
	}
	for i := range page {
		if !page[i].isText() {
			return errUnexpected
		}
	}
	for i, name := range q.Elems {
		if page[step*i].text != string(name) {
			return errOtherNames
		}
	}
	for i := range q.Elems {
		q.Found = append(q.Found, true)
		switch q.Kind {
		case format.Hash:
			q.Values = append(q.Values, page[2*i+1].text)
		case format.Zset:
			score, err := parseScore(page[2*i+1].text)
			if err != nil {
				return err
			}
			q.Scores = append(q.Scores, score)
		}
	}
	return nil
}

// decodeEntries takes the reply to XRANGE, where Kvrocks before 2.13 writes an empty value as nil
// (SERVERS.md K11).
func decodeEntries(q *question.Question, reply *value) error {
	if reply.kind != '*' {
		return errUnexpected
	}
	for _, entry := range reply.list {
		if len(entry.list) != 2 || entry.list[1].kind != '*' {
			return errUnexpected
		}
		id, err := parseID(entry.list[0].text)
		if err != nil {
			return err
		}
		values := entry.list[1].list
		fields := make([]string, len(values))
		for i := range values {
			if !values[i].isText() {
				return errUnexpected
			}
			fields[i] = values[i].text
		}
		q.IDs, q.Fields = append(q.IDs, id), append(q.Fields, fields)
	}
	return nil
}

// decodeState takes the reply to XINFO STREAM: names and values in turn.
func decodeState(q *question.Question, reply *value) error {
	if reply.kind != '*' {
		return errUnexpected
	}
	list := reply.list
	var s format.StreamState
	known := 0
	for i := 0; i+1 < len(list); i += 2 {
		var err error
		switch list[i].text {
		case "last-generated-id":
			s.LastID, err = parseID(list[i+1].text)
			known++
		case "max-deleted-entry-id":
			s.MaxDeletedID, err = parseID(list[i+1].text)
			known++
		case "entries-added":
			if list[i+1].kind != ':' {
				err = errUnexpected
			}
			s.EntriesAdded = uint64(list[i+1].n)
			known++
		case "groups":
			setGroups(q, list[i+1].n)
		}
		if err != nil {
			return err
		}
	}
	if known == 3 {
		q.State = &s
	}
	return nil
}

// decodeGroups takes the reply to XINFO GROUPS. The group that makes an empty stream is the load's own.
func decodeGroups(q *question.Question, reply *value) error {
	if reply.kind != '*' {
		return errUnexpected
	}
	n := int64(0)
	for _, group := range reply.list {
		own := false
		for i := 0; i+1 < len(group.list); i += 2 {
			own = own || group.list[i].text == "name" && group.list[i+1].text == passingGroup
		}
		if !own {
			n++
		}
	}
	setGroups(q, n)
	return nil
}

// setGroups notes consumer groups: no load brings any.
func setGroups(q *question.Question, n int64) {
	if n > 0 {
		q.Changed = fmt.Sprintf("%d consumer groups are there, which no dump has", n)
	}
}

func parseID(text string) (id format.StreamID, err error) {
	ms, seq, ok := strings.Cut(text, "-")
	var err1, err2 error
	id.Ms, err1 = strconv.ParseUint(ms, 10, 64)
	id.Seq, err2 = strconv.ParseUint(seq, 10, 64)
	if !ok || err1 != nil || err2 != nil {
		return id, errUnexpected
	}
	return id, nil
}
