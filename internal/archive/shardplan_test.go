package archive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// TestDivision: every key is in the range of exactly one shard, also where bounds are the same.
func TestDivision(t *testing.T) {
	d := &ShardPlan{Shards: 5, Databases: []DatabaseBoundaries{{0, []Boundary{NewBoundary([]byte("b")), NewBoundary([]byte("b")), NewBoundary([]byte("d")), NewBoundary([]byte("\xff"))}},
		{3, []Boundary{NewBoundary(nil), NewBoundary(nil), NewBoundary(nil), NewBoundary(nil)}}}}
	data, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	if d, err = ParseShardPlan(data); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(d)
	if err != nil || !bytes.Equal(again, data) {
		t.Errorf("%s became %s, %v", data, again, err)
	}
	want := map[string]string{"0 ": "[0]", "0 a\xff": "[0]", "0 b": "[2]", "0 c": "[2]", "0 d": "[3]", "0 \xfe": "[3]", "0 \xff": "[4]", "0 \xff\xff": "[4]", "3 ": "[4]", "3 x": "[4]"}
	for at, shards := range want {
		var in []int
		for i := range d.Shards {
			key := []byte(at[2:])
			r, some := d.Range(i, int(at[0]-'0'), format.TypeHash)
			if some && bytes.Compare(key, r.Start) >= 0 && (r.End == nil || bytes.Compare(key, r.End) < 0) {
				in = append(in, i)
			}
		}
		if fmt.Sprint(in) != shards {
			t.Errorf("%q is in shards %v, want %s", at, in, shards)
		}
	}
	for i := range d.Shards {
		if r, some := d.Range(i, 0, format.TypeStream); some != (i == 0) || r.Start != nil || r.End != nil {
			t.Errorf("streams of shard %d: %v, %v", i, r, some)
		}
	}
}

func TestDivisionRefused(t *testing.T) {
	for _, text := range []string{
		"", "[]", "{}", `{"shards":0}`, `{"shards":1001}`, `{"shards":2,"databases":[{"db":0,"bounds":[]}]}`, `{"shards":2,"databases":[{"db":0,"bounds":[{}]}]}`,
		`{"shards":3,"databases":[{"db":0,"bounds":[{"key":"Yg=="},{"key":"YQ=="}]}]}`, `{"shards":1,"databases":[{"db":0,"bounds":[]},{"db":0,"bounds":[]}]}`,
		`{"shards":1,"databases":[]} {"shards":2}`, `{"shards":1,"databases":[{"db":-1,"bounds":[]}]}`, `{"shards":1,"databases":[{"db":70000,"bounds":[]}]}`,
	} {
		if d, err := ParseShardPlan([]byte(text)); !errors.Is(err, ErrShardPlan) {
			t.Errorf("%s: %+v, %v", text, d, err)
		}
	}
}

func TestWithin(t *testing.T) {
	key := func(s string) []byte {
		if s == "-" {
			return nil
		}
		return []byte(s)
	}
	for _, c := range [][]string{ // range, other, and what they have in common
		{"-", "-", "-", "-", "-", "-"},
		{"-", "-", "b", "d", "b", "d"},
		{"a", "c", "b", "-", "b", "c"},
		{"b", "-", "a", "c", "b", "c"},
		{"b", "c", "a", "d", "b", "c"},
		{"a", "b", "b", "d"},
		{"d", "-", "b", "d"},
	} {
		got, some := Range{key(c[0]), key(c[1])}.Within(Range{key(c[2]), key(c[3])})
		if some != (len(c) == 6) || some && (!bytes.Equal(got.Start, key(c[4])) || !bytes.Equal(got.End, key(c[5]))) {
			t.Errorf("%q: %q, %v", c, got, some)
		}
	}
}
