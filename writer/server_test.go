package writer

import (
	"bytes"
	"io"
	"slices"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/writer/checkpoint"
)

// records is a Source of the records it holds. What it hands out is overwritten by the
// next call, as a reader's is.
type records struct {
	list []format.Record
	last *format.Record
}

func (s *records) Next() (*format.Record, error) {
	if s.last != nil {
		spoil(s.last)
	}
	if len(s.list) == 0 {
		return nil, io.EOF
	}
	r := s.list[0]
	s.list = s.list[1:]
	s.last = copyRecord(&r)
	return s.last, nil
}

func source(list ...format.Record) Source { return &records{list: list} }

func copyRecord(r *format.Record) *format.Record {
	c := *r
	c.Key = bytes.Clone(r.Key)
	c.Value = bytes.Clone(r.Value)
	c.Elems = make([][]byte, len(r.Elems))
	for i := range r.Elems {
		c.Elems[i] = bytes.Clone(r.Elems[i])
	}
	c.Scores = slices.Clone(r.Scores)
	c.Entries = make([]format.Entry, len(r.Entries))
	for i := range r.Entries {
		c.Entries[i].ID = r.Entries[i].ID
		for _, f := range r.Entries[i].Fields {
			c.Entries[i].Fields = append(c.Entries[i].Fields, bytes.Clone(f))
		}
	}
	return &c
}

func spoil(r *format.Record) {
	all := [][]byte{r.Key, r.Value}
	all = append(all, r.Elems...)
	for i := range r.Entries {
		all = append(all, r.Entries[i].Fields...)
	}
	for _, b := range all {
		for i := range b {
			b[i] = '!'
		}
	}
	clear(r.Scores)
}

// load opens o, loads the records in one go and returns what it did.
func load(t *testing.T, o Options, list ...format.Record) (checkpoint.Stats, []LeftOut, error) {
	t.Helper()
	var left []LeftOut
	l := open(t, o)
	w, err := l.NewWorker(t.Context(), 0)
	if err != nil {
		t.Fatalf("new worker: %v", err)
	}
	err = w.Load(t.Context(), Job{Source: source(list...), Report: func(l LeftOut) { left = append(left, l) }})
	if closeErr := w.Close(); err == nil {
		err = closeErr
	}
	return w.account.stats, left, err
}

func mustLoad(t *testing.T, o Options, list ...format.Record) (checkpoint.Stats, []LeftOut) {
	t.Helper()
	s, left, err := load(t, o, list...)
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	return s, left
}

func b(s string) []byte { return []byte(s) }

func bs(list ...string) [][]byte {
	out := make([][]byte, len(list))
	for i, s := range list {
		out[i] = b(s)
	}
	return out
}

func str(key, value string, expire int64) format.Record {
	return format.Record{Kind: format.String, Key: b(key), Value: b(value), Expire: expire, Part: format.PartWhole}
}

func whole(kind format.Kind, key string, elems ...string) format.Record {
	return format.Record{Kind: kind, Key: b(key), Elems: bs(elems...), Part: format.PartWhole}
}

func zset(key string, scores []float64, members ...string) format.Record {
	r := whole(format.Zset, key, members...)
	r.Scores = scores
	return r
}

func id(ms, seq uint64) format.StreamID { return format.StreamID{Ms: ms, Seq: seq} }

const farFuture = 4102444800123
