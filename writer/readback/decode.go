package readback

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// decodeExpiry takes the reply to PEXPIRETIME or PTTL: -1 for never, -2 for no such key.
func decodeExpiry(q *question.Question, reply *resp.Reply) error {
	switch {
	case reply.Kind != ':' || reply.N < -2:
		return resp.ErrUnexpected
	case reply.N == -2:
		q.Type = question.TypeNone
	case reply.N == -1:
		q.Expire = 0
	default:
		q.Expire = max(1, reply.N) // a PTTL of 0: it is about to expire
	}
	return nil
}

func decodeTotal(q *question.Question, reply *resp.Reply) error {
	if reply.Kind != ':' {
		return resp.ErrUnexpected
	}
	q.Total = reply.N
	return nil
}

// decodeText takes a value. Kvrocks before 2.7 writes an empty one as nil.
func decodeText(q *question.Question, reply *resp.Reply) error {
	if !reply.IsText() {
		return resp.ErrUnexpected
	}
	q.Values = append(q.Values, reply.Text)
	return nil
}

// decodeList takes the whole of a list.
func decodeList(q *question.Question, reply *resp.Reply) error {
	n := len(reply.List)
	if reply.Kind == '*' && (n > len(q.Elems) || n == 0 && q.Spare) {
		return errOtherNames
	}
	q.Total = int64(n)
	return decodeElements(q, reply)
}

func decodeElements(q *question.Question, reply *resp.Reply) error {
	if reply.Kind != '*' {
		return resp.ErrUnexpected
	}
	for i := range reply.List {
		if err := decodeText(q, &reply.List[i]); err != nil {
			return err
		}
	}
	return nil
}

// decodeTexts takes one value for each of Elems, nil for those that are not there.
func decodeTexts(q *question.Question, reply *resp.Reply) error {
	if reply.Kind != '*' || len(reply.List) != len(q.Elems) {
		return resp.ErrUnexpected
	}
	for i := range reply.List {
		v := &reply.List[i]
		q.Found = append(q.Found, v.Kind != 0)
		if err := decodeText(q, v); err != nil {
			return err
		}
	}
	return nil
}

func decodeMembership(q *question.Question, reply *resp.Reply) error {
	if reply.Kind != '*' || len(reply.List) != len(q.Elems) {
		return resp.ErrUnexpected
	}
	for _, v := range reply.List {
		q.Found = append(q.Found, v.Kind == ':' && v.N == 1)
	}
	return nil
}

// decodeScores takes the reply to ZMSCORE, in which some Kvrocks wrap every score into a second
// bulk string, and so the nil of one that is not there (SERVERS.md K13).
func decodeScores(q *question.Question, reply *resp.Reply) error {
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
		return 0, resp.ErrUnexpected
	}
	return score, nil
}

// errOtherNames says that a key holds not just what is asked for, which must then be asked for by
// name or place, and its length.
var errOtherNames = errors.New("the key has other elements")

// decodePage takes the first page of HSCAN, SSCAN or ZSCAN if it is the whole of the key and has
// the names that Elems has.
func decodePage(q *question.Question, reply *resp.Reply) error {
	if len(reply.List) != 2 || !reply.List[0].IsText() || reply.List[1].Kind != '*' {
		return resp.ErrUnexpected
	}
	step := 2
	if q.Kind == format.Set {
		step = 1
	}
	page := reply.List[1].List
	if reply.List[0].Text != "0" || len(page) != step*len(q.Elems) {
		return errOtherNames
	}
	for i := range page {
		if !page[i].IsText() {
			return resp.ErrUnexpected
		}
	}
	for i, name := range q.Elems {
		if page[step*i].Text != string(name) {
			return errOtherNames
		}
	}
	q.Total = int64(len(q.Elems))
	for i := range q.Elems {
		q.Found = append(q.Found, true)
		switch q.Kind {
		case format.Hash:
			q.Values = append(q.Values, page[2*i+1].Text)
		case format.Zset:
			score, err := parseScore(page[2*i+1].Text)
			if err != nil {
				return err
			}
			q.Scores = append(q.Scores, score)
		}
	}
	return nil
}

// decodeEntries takes the reply to XRANGE.
func decodeEntries(q *question.Question, reply *resp.Reply) error {
	return eachEntry(reply, func(id format.StreamID, values []resp.Reply) {
		fields := make([]string, len(values))
		for i := range values {
			fields[i] = values[i].Text
		}
		q.IDs, q.Fields = append(q.IDs, id), append(q.Fields, fields)
	})
}

// decodeLastEntry takes the reply to XRANGE of target.LastID alone, which other servers have shown
// before.
func decodeLastEntry(q *question.Question, reply *resp.Reply) error {
	if n := len(q.IDs); n > 0 && q.IDs[n-1] == target.LastID {
		return nil
	}
	return decodeEntries(q, reply)
}

// eachEntry takes the reply to XRANGE, where Kvrocks before 2.13 writes an empty value as nil
// (SERVERS.md K11).
func eachEntry(reply *resp.Reply, each func(id format.StreamID, values []resp.Reply)) error {
	if reply.Kind != '*' {
		return resp.ErrUnexpected
	}
	for _, entry := range reply.List {
		if len(entry.List) != 2 || entry.List[1].Kind != '*' {
			return resp.ErrUnexpected
		}
		id, err := parseID(entry.List[0].Text)
		if err != nil {
			return err
		}
		values := entry.List[1].List
		for i := range values {
			if !values[i].IsText() {
				return resp.ErrUnexpected
			}
		}
		each(id, values)
	}
	return nil
}

// decodeState takes the reply to XINFO STREAM.
func decodeState(q *question.Question, reply *resp.Reply) error {
	state, groups, known, err := parseState(reply)
	if err != nil {
		return err
	}
	setGroups(q, groups)
	if known {
		q.State = state
	}
	return nil
}

// parseState takes the reply to XINFO STREAM: names and values in turn. Known: the target keeps all
// of a stream's state.
func parseState(reply *resp.Reply) (s *format.StreamState, groups int64, known bool, err error) {
	if reply.Kind != '*' {
		return nil, 0, false, resp.ErrUnexpected
	}
	s = &format.StreamState{}
	n := 0
	list := reply.List
	for i := 0; i+1 < len(list) && err == nil; i += 2 {
		number, isNumber := list[i+1].Integer()
		switch list[i].Text {
		case "last-generated-id":
			s.LastID, err = parseID(list[i+1].Text)
			n++
		case "max-deleted-entry-id":
			s.MaxDeletedID, err = parseID(list[i+1].Text)
			n++
		case "entries-added":
			if s.EntriesAdded = uint64(number); !isNumber {
				err = resp.ErrUnexpected
			}
			n++
		case "groups":
			groups = number
		}
	}
	return s, groups, n == 3, err
}

// decodeGroups takes the reply to XINFO GROUPS.
func decodeGroups(q *question.Question, reply *resp.Reply) error {
	n, err := countGroups(reply)
	if err != nil {
		return err
	}
	setGroups(q, n)
	return nil
}

// countGroups returns how many groups XINFO GROUPS lists. The one that makes an empty stream is the
// load's own.
func countGroups(reply *resp.Reply) (n int64, err error) {
	if reply.Kind != '*' {
		return 0, resp.ErrUnexpected
	}
	for _, group := range reply.List {
		own := false
		for i := 0; i+1 < len(group.List); i += 2 {
			own = own || group.List[i].Text == "name" && group.List[i+1].Text == target.PassingGroup
		}
		if !own {
			n++
		}
	}
	return n, nil
}

// setGroups notes consumer groups: no load brings any.
func setGroups(q *question.Question, n int64) {
	if n > 0 {
		q.Changed = consumerGroups(n) + " there, which no dump has"
	}
}

// consumerGroups counts them in words.
func consumerGroups(n int64) string {
	if n == 1 {
		return "1 consumer group"
	}
	return fmt.Sprintf("%d consumer groups", n)
}

func parseID(text string) (format.StreamID, error) {
	id, ok := format.ParseStreamID(text)
	if !ok {
		return id, resp.ErrUnexpected
	}
	return id, nil
}
