package verify

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
)

// A meddled server is one in which a key changes between two looks.
type meddled struct {
	Ordered
	meddle func(q *question.Question)
}

func (m *meddled) Ask(ctx context.Context, qs []*question.Question) error {
	err := m.Ordered.Ask(ctx, qs)
	for _, q := range qs {
		m.meddle(q)
	}
	return err
}

// TestChangesMeanwhile: what is seen of a key at its end counts as well as what was seen at its
// beginning, and a change that its elements do not show is one.
func TestChangesMeanwhile(t *testing.T) {
	stream := func() *format.Record {
		r := &format.Record{Kind: format.Stream, Key: []byte("k"), Part: format.PartWhole, State: &format.StreamState{LastID: format.StreamID{Ms: 2}, EntriesAdded: 2}}
		for ms := range uint64(2) {
			r.Entries = append(r.Entries, format.Entry{ID: format.StreamID{Ms: ms + 1}, Fields: bs("f", "v")})
		}
		return r
	}
	var members []string
	for i := range 2 * questionElems {
		members = append(members, fmt.Sprintf("%04d", i))
	}
	large := func(expire int64) *format.Record { return expiring(coll(format.Set, "k", members...), expire) }
	now := time.UnixMilli(1_900_000_000_000)
	soon, later := now.UnixMilli(), now.Add(time.Hour).UnixMilli()
	for name, c := range map[string]struct {
		dump   *format.Record
		meddle func(q *question.Question)
		class  Class
		part   bool
	}{
		"equal":  {dump: large(later), part: true},
		"groups": {stream(), func(q *question.Question) { q.Changed = "groups" }, WrongValue, false},
		"an entry came and went": {stream(), func(q *question.Question) {
			q.State = &format.StreamState{LastID: format.StreamID{Ms: 3}, EntriesAdded: 3}
		}, WrongValue, false},
		"an entry was deleted":        {stream(), func(q *question.Question) { q.State.MaxDeletedID.Ms = 1 }, WrongValue, false},
		"its state was not given yet": {stream(), func(q *question.Question) { q.State.EntriesAdded = 1 }, WrongValue, true},
		"expired in the middle":       {large(soon), func(q *question.Question) { q.Type = map[bool]string{true: question.TypeNone}[q.Tail] }, ExpiredSince, false},
		"deleted in the middle":       {large(later), func(q *question.Question) { q.Type = map[bool]string{true: question.TypeNone}[q.Tail] }, Missing, false},
		"expiry removed in the middle": {large(later), func(q *question.Question) {
			if q.Tail {
				q.Expire = 0
			}
		}, ExpiryDiffers, true},
		"expiry set back in the middle": {large(later), func(q *question.Question) {
			if q.Head {
				q.Expire = soon
			}
		}, ExpiryDiffers, false},
	} {
		server := &meddled{Ordered{Source: holding(c.dump)}, c.meddle}
		if c.meddle == nil {
			server.meddle = func(*question.Question) {}
		}
		var verdict Verdict
		var found []string
		o := &Options{Clock: func(context.Context) time.Time { return now }, Judge: func(v *Verdict) error {
			verdict = *v
			for _, d := range v.Found {
				found = append(found, string(d.Class))
			}
			return nil
		}}
		if _, err := NewChecker(server, 0, o, &Tally{}).Check(t.Context(), &records{list: []*format.Record{c.dump}}, nil, false); err != nil {
			t.Fatal(err)
		}
		absent := c.class == Missing || c.class == ExpiredSince
		if got := strings.Join(found, "+"); got != string(c.class) || verdict.Part != c.part || verdict.Absent != absent || verdict.Equal != (c.class == "") {
			t.Errorf("%s: %q, %+v", name, got, verdict)
		}
	}
}
