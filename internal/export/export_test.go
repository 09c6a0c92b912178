package export

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/filter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
)

func open(t *testing.T, dir string) *archive.Archive {
	t.Helper()
	a, err := archive.Open(t.Context(), dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

// cat returns what an Exporter writes of a dump.
func cat(t *testing.T, a *archive.Archive, o Options) string {
	t.Helper()
	var out bytes.Buffer
	x, err := New(t.Context(), a, &out, o)
	if err == nil {
		err = x.Cat()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// A line is a line of JSON.
type line struct {
	DB      int
	Type    string
	Key     text
	Expire  *int64
	Value   json.RawMessage
	Deleted bool
	State   *struct {
		LastID    string `json:"last_id"`
		Deleted   string `json:"max_deleted_id"`
		EntriesIn uint64 `json:"entries_added"`
	}
}

// A text is bytes in JSON.
type text []byte

func (v *text) UnmarshalJSON(data []byte) error {
	var o struct{ Base64 string }
	var s string
	err := json.Unmarshal(data, &s)
	if *v = text(s); err != nil {
		if err = json.Unmarshal(data, &o); err == nil {
			*v, err = base64.StdEncoding.DecodeString(o.Base64)
		}
	}
	return err
}

// A score is one in JSON.
type score float64

func (v *score) UnmarshalJSON(data []byte) error {
	*v = map[string]score{`"nan"`: score(math.NaN()), `"inf"`: score(math.Inf(1)), `"-inf"`: score(math.Inf(-1))}[string(data)]
	if data[0] == '"' {
		return nil
	}
	return json.Unmarshal(data, (*float64)(v))
}

// record returns the key that a line says.
func record(t *testing.T, l line) format.Record {
	t.Helper()
	kinds := map[string]format.Kind{}
	for k := format.String; k <= format.HyperLogLog; k++ {
		kinds[k.String()] = k
	}
	r := format.Record{Kind: kinds[l.Type], Key: l.Key, Part: format.PartWhole}
	if l.Expire != nil {
		r.Expire = *l.Expire
	}
	decode := func(v any) {
		if err := json.Unmarshal(l.Value, v); err != nil {
			t.Fatalf("%s %q: %v", l.Type, l.Key, err)
		}
	}
	switch r.Kind {
	case format.String, format.HyperLogLog:
		var v text
		decode(&v)
		r.Value = v
	case format.Hash:
		var pairs [][2]text
		decode(&pairs)
		for _, p := range pairs {
			r.Elems = append(r.Elems, p[0], p[1])
		}
	case format.Zset:
		var pairs [][2]json.RawMessage
		decode(&pairs)
		for _, p := range pairs {
			var m text
			var s score
			if err := json.Unmarshal(p[0], &m); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(p[1], &s); err != nil {
				t.Fatal(err)
			}
			r.Elems, r.Scores = append(r.Elems, m), append(r.Scores, float64(s))
		}
	case format.Stream:
		var entries []struct {
			ID     string
			Fields [][2]text
		}
		decode(&entries)
		for _, e := range entries {
			id, _ := format.ParseStreamID(e.ID)
			entry := format.Entry{ID: id}
			for _, f := range e.Fields {
				entry.Fields = append(entry.Fields, f[0], f[1])
			}
			r.Entries = append(r.Entries, entry)
		}
		last, _ := format.ParseStreamID(l.State.LastID)
		deleted, _ := format.ParseStreamID(l.State.Deleted)
		r.State = &format.StreamState{LastID: last, MaxDeletedID: deleted, EntriesAdded: l.State.EntriesIn}
	default:
		var elems []text
		decode(&elems)
		for _, v := range elems {
			r.Elems = append(r.Elems, v)
		}
	}
	return r
}

// same makes two keys comparable: without slices that are nil in one and empty in the other, and of
// a NaN only that it is one.
func same(r format.Record) string {
	return fmt.Sprintf("%d %q %d %q %q %v %v %+v", r.Kind, r.Key, r.Expire, r.Value, r.Elems, r.Scores, fmt.Sprintf("%q", r.Entries), r.State)
}

// TestJSON: the lines of JSON say every byte of the golden dump, in any part of a key.
func TestJSON(t *testing.T) {
	a := open(t, "../../testdata/golden/v1")
	var want []format.Record
	for _, r := range smalldump.Records(t, a) {
		c := clone(*r)
		if r.Part&format.PartFirst == 0 {
			last := &want[len(want)-1]
			last.Value, last.Elems, last.Scores = append(last.Value, c.Value...), append(last.Elems, c.Elems...), append(last.Scores, c.Scores...)
			last.Entries, last.State = append(last.Entries, c.Entries...), c.State
			continue
		}
		want = append(want, c)
	}
	var got []format.Record
	for text := range strings.Lines(cat(t, a, Options{Format: JSON})) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("%v: %.200s", err, text)
		}
		got = append(got, record(t, l))
	}
	if len(got) != len(want) || len(want) == 0 {
		t.Fatalf("%d lines for %d keys", len(got), len(want))
	}
	for i := range want {
		if g, w := same(got[i]), same(want[i]); g != w {
			t.Errorf("key %q:\n%.500s, want\n%.500s", want[i].Key, g, w)
		}
	}
}

// clone is a record that stays.
func clone(r format.Record) format.Record {
	r.Key, r.Value = bytes.Clone(r.Key), bytes.Clone(r.Value)
	elems := r.Elems
	r.Elems = nil
	for _, v := range elems {
		r.Elems = append(r.Elems, bytes.Clone(v))
	}
	r.Scores = append([]float64(nil), r.Scores...)
	entries := r.Entries
	r.Entries = nil
	for _, e := range entries {
		fields := e.Fields
		e.Fields = nil
		for _, f := range fields {
			e.Fields = append(e.Fields, bytes.Clone(f))
		}
		r.Entries = append(r.Entries, e)
	}
	if r.State != nil {
		state := *r.State
		r.State = &state
	}
	return r
}

// keys are some of several types, one with several parts of each kind.
func keys() []format.Record {
	big := func(kind format.Kind, part format.Part, elems ...string) format.Record {
		r := smalldump.Hash("big", elems...)
		r.Kind, r.Part = kind, part
		return r
	}
	return []format.Record{
		smalldump.String("a", "1"),
		big(format.Hash, format.PartFirst, "f", "v"), big(format.Hash, 0), big(format.Hash, format.PartLast, "g", "w"),
		{Kind: format.HyperLogLog, Key: []byte("hll"), Part: format.PartWhole, Value: []byte("PIKA")},
		{Kind: format.String, Key: []byte("old"), Part: format.PartWhole, Value: []byte("x"), Expire: 1},
		{Kind: format.String, Key: []byte("parts"), Part: format.PartFirst, Value: []byte("one")},
		{Kind: format.String, Key: []byte("parts"), Part: format.PartLast, Value: []byte(", two")},
		{Kind: format.Stream, Key: []byte("st"), Part: format.PartWhole, State: &format.StreamState{}},
		{Kind: format.Zset, Key: []byte("z"), Part: format.PartWhole, Elems: [][]byte{[]byte("m"), []byte("n")}, Scores: []float64{math.Inf(-1), 1e21}},
	}
}

// TestFormats: what each format makes of a few keys.
func TestFormats(t *testing.T) {
	a := open(t, smalldump.Make(t, smalldump.Options{}, keys()))
	now := func() time.Time { return time.UnixMilli(1000) }
	for _, tc := range []struct {
		o    Options
		want string
		left []string
	}{
		{Options{Format: Table}, `  db  type         expires                elements  key  value
   0  string                                     1  a  1
   0  hyperloglog                                1  hll  PIKA
   0  string       1970-01-01T00:00:00Z          1  old  x
   0  string                                     1  parts  one, two
   0  hash                                       2  big  f=v g=w
   0  zset                                       2  z  m=-inf n=1e+21
   0  stream                                     0  st
`, nil},
		{Options{Format: Table, Whole: true}, `a  (string, db0)
  1
hll  (hyperloglog, db0)
  PIKA
old  (string, db0, expired 1970-01-01T00:00:00Z)
  x
parts  (string, db0)
  one
  , two
big  (hash, db0)
  f=v
  g=w
z  (zset, db0)
  m=-inf
  n=1e+21
st  (stream, db0)
  last id 0-0, largest deleted id 0-0, entries added 0
`, nil},
		{Options{Format: CSV}, `db,type,key,expire,field,value,base64
0,string,a,,,1,
0,hyperloglog,hll,,,PIKA,
0,string,old,1,,x,
0,hash,big,,f,v,
0,hash,big,,g,w,
0,zset,z,,m,-inf,
0,zset,z,,n,1e+21,
`, []string{"parts too-large", "st not-flat"}},
		{Options{Format: JSON}, `{"db":0,"type":"string","key":"a","expire":null,"value":"1"}
{"db":0,"type":"hyperloglog","key":"hll","expire":null,"value":"PIKA"}
{"db":0,"type":"string","key":"old","expire":1,"value":"x"}
{"db":0,"type":"string","key":"parts","expire":null,"value":{"base64":"b25lLCB0d28="}}
{"db":0,"type":"hash","key":"big","expire":null,"value":[["f","v"],["g","w"]]}
{"db":0,"type":"zset","key":"z","expire":null,"value":[["m","-inf"],["n",1e+21]]}
{"db":0,"type":"stream","key":"st","expire":null,"value":[],"state":{"last_id":"0-0","max_deleted_id":"0-0","entries_added":0}}
`, nil},
		{Options{Format: RESP, Rewrite: rewrite.Options{Conflict: rewrite.Fail}},
			"SET a 1|SET parts one|APPEND parts , two|DEL big|HSET big f v|HSET big g w|DEL z|ZADD z -inf m 1e+21 n|" +
				"DEL st|XADD st MAXLEN 0 0-1 x y|XSETID st 0-0 ENTRIESADDED 0 MAXDELETEDID 0-0|",
			[]string{"hll hyperloglog"}},
		{Options{Format: RESP, HyperLogLogs: true, Limit: 3, Rewrite: rewrite.Options{TTL: rewrite.TTL{Mode: rewrite.Drop}, Prefix: rewrite.Prefix{Add: []byte("p:")}}},
			"SET p:a 1|SET p:hll PIKA|SET p:old x|", nil},
	} {
		var log bytes.Buffer
		tc.o.Now, tc.o.Log = now, &log
		got := cat(t, a, tc.o)
		var left []string
		for _, m := range regexp.MustCompile(`"(.*)" of db0: ([a-z-]+) `).FindAllStringSubmatch(log.String(), -1) {
			left = append(left, m[1]+" "+m[2])
		}
		if tc.o.Format == RESP {
			got = commands(t, got)
		}
		if got != tc.want || !reflect.DeepEqual(left, tc.left) {
			t.Errorf("%+v: left out %v, want %v\n%s\nwant\n%s", tc.o, left, tc.left, got, tc.want)
		}
	}
}

// TestMatchBehindParts: a key that goes over several chunks, the first of which no key that is
// chosen can be in, is not there in part.
func TestMatchBehindParts(t *testing.T) {
	a := open(t, "../../testdata/golden/v1")
	var f filter.Filter
	if err := f.SetMatch("s*"); err != nil {
		t.Fatal(err)
	}
	got := cat(t, a, Options{Format: JSON, Filter: f})
	for line := range strings.Lines(got) {
		if !strings.Contains(line, `"key":"s`) {
			t.Errorf("it shows %.100s", line)
		}
	}
	if strings.Count(got, "\n") != 6 {
		t.Errorf("%d keys", strings.Count(got, "\n"))
	}
}

// commands reads RESP: words with a space between, commands with | behind.
func commands(t *testing.T, resp string) string {
	t.Helper()
	var all strings.Builder
	for resp != "" {
		var n, size int
		head, rest, _ := strings.Cut(resp, "\r\n")
		if _, err := fmt.Sscanf(head, "*%d", &n); err != nil {
			t.Fatalf("%q: %v", head, err)
		}
		for i := range n {
			head, rest, _ = strings.Cut(rest, "\r\n")
			if _, err := fmt.Sscanf(head, "$%d", &size); err != nil || rest[size:size+2] != "\r\n" {
				t.Fatalf("%q: %v", head, err)
			}
			if i > 0 {
				all.WriteByte(' ')
			}
			all.WriteString(rest[:size])
			rest = rest[size+2:]
		}
		all.WriteByte('|')
		resp = rest
	}
	return all.String()
}

// TestRESPBounded: no command of a large key is larger than it may be.
func TestRESPBounded(t *testing.T) {
	big := smalldump.Hash("h")
	for i := range 5000 {
		big.Elems = append(big.Elems, fmt.Append(nil, "f", i), bytes.Repeat([]byte("v"), i%2000))
	}
	e := &respEncoder{rules: &rewrite.Rules{}}
	e.rules.Begin(time.UnixMilli(1), new(format.Manifest))
	out, reason := e.add(nil, 0, format.TypeHash, &big)
	if reason != "" {
		t.Fatal(reason)
	}
	n := 0
	for c := range strings.SplitSeq(commands(t, string(out)), "|") {
		if n++; len(c) > commandBytes || strings.Count(c, " ") > 2*commandElements+1 {
			t.Errorf("a command of %d bytes and %d words", len(c), strings.Count(c, " "))
		}
	}
	if n < 20 {
		t.Errorf("%d commands", n)
	}
}
