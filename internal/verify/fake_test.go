package verify

import (
	"context"
	"io"
	"maps"
	"slices"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
)

// memory is a KeySource that holds records.
type memory struct {
	keys  map[string]*format.Record
	parts int // elements of a record that is handed over; 0: all
	read  int // ReadKeys that were asked
	most  int // keys of the largest
}

func (m *memory) Close() error { return nil }

func (m *memory) ReadKeys(_ context.Context, t format.Type, keys [][]byte, each func(int, *format.Record, string) error) error {
	m.read++
	m.most = max(m.most, len(keys))
	for i, key := range keys {
		r := m.keys[string(key)]
		if r == nil || !t.Holds(r.Kind) {
			other := question.TypeNone
			if r != nil {
				other = r.Kind.String()
			}
			if err := each(i, nil, other); err != nil {
				return err
			}
			continue
		}
		for _, part := range cut(r, m.parts) {
			if err := each(i, part, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// cut makes a record of every n elements, or 1000n bytes of a string.
func cut(r *format.Record, n int) []*format.Record {
	var parts []*format.Record
	if r.Kind == format.String {
		n *= 1000
	}
	for at := 0; ; at += n {
		p := *r
		p.Part = 0
		size := r.Elements()
		if r.Kind == format.String {
			size = len(r.Value)
		}
		end := size
		if n > 0 {
			end = min(at+n, size)
		}
		switch r.Kind {
		case format.String:
			p.Value = r.Value[at:end]
		case format.Hash:
			p.Elems = r.Elems[2*at : 2*end]
		case format.Stream:
			p.Entries, p.State = r.Entries[at:end], nil
		case format.Zset:
			p.Elems, p.Scores = r.Elems[at:end], r.Scores[at:end]
		default:
			p.Elems = r.Elems[at:end]
		}
		if at == 0 {
			p.Part = format.PartFirst
		}
		if end == size {
			p.Part |= format.PartLast
			p.State = r.State
			return append(parts, &p)
		}
		parts = append(parts, &p)
	}
}

// records is a Source. What it handed out is overwritten by the next call.
type records struct {
	list []*format.Record
	last *format.Record
}

func (s *records) Next() (*format.Record, error) {
	if s.last != nil {
		for _, b := range slices.Concat(s.last.Elems, [][]byte{s.last.Key, s.last.Value}) {
			for i := range b {
				b[i] = '!'
			}
		}
	}
	if len(s.list) == 0 {
		return nil, io.EOF
	}
	r := *s.list[0]
	s.list = s.list[1:]
	r.Key, r.Value = clone(r.Key), clone(r.Value)
	r.Elems = slices.Clone(r.Elems)
	for i := range r.Elems {
		r.Elems[i] = clone(r.Elems[i])
	}
	s.last = &r
	return s.last, nil
}

func bs(list ...string) [][]byte {
	out := make([][]byte, len(list))
	for i, s := range list {
		out[i] = []byte(s)
	}
	return out
}

func str(key, value string) *format.Record {
	return &format.Record{Kind: format.String, Key: []byte(key), Value: []byte(value), Part: format.PartWhole}
}

func coll(kind format.Kind, key string, elems ...string) *format.Record {
	return &format.Record{Kind: kind, Key: []byte(key), Elems: bs(elems...), Part: format.PartWhole}
}

func zset(key string, score float64, members ...string) *format.Record {
	r := coll(format.Zset, key, members...)
	for range members {
		r.Scores = append(r.Scores, score)
	}
	return r
}

func expiring(r *format.Record, at int64) *format.Record {
	r.Expire = at
	return r
}

// holding returns a server that holds records.
func holding(list ...*format.Record) *memory {
	m := &memory{keys: map[string]*format.Record{}}
	for _, r := range list {
		m.keys[string(r.Key)] = r
	}
	return m
}

// check compares a dump of the records with what m holds, in as many rounds as change has
// functions, and one more. It returns the differences by key.
func check(t *testing.T, o Options, m *memory, list []*format.Record, change ...func()) (map[string][]Difference, *Tally) {
	t.Helper()
	got := map[string][]Difference{}
	o.Report = func(d Difference) { got[string(d.Key)] = append(got[string(d.Key)], d) }
	tally := &Tally{}
	c := NewChecker(&Ordered{Source: m}, 0, &o, tally)
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	var names *Names
	for i := 0; ; i++ {
		n, err := c.Check(t.Context(), &records{list: list}, names, i < len(change))
		if err != nil {
			t.Fatal(err)
		}
		if i == len(change) {
			return got, tally
		}
		names = &n
		change[i]()
	}
}

// classes returns the classes that were found, by key.
func classes(found map[string][]Difference) map[string]Class {
	out := map[string]Class{}
	for key, list := range found {
		for _, d := range list {
			if out[key] != "" {
				out[key] += "+"
			}
			out[key] += d.Class
		}
	}
	return out
}

func mustFind(t *testing.T, found map[string][]Difference, want map[string]Class) {
	t.Helper()
	if got := classes(found); !maps.Equal(got, want) {
		t.Errorf("found\n%q, want\n%q", got, want)
	}
}
