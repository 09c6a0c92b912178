package format

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"testing"
)

// testCodec serves all tests.
var testCodec *Codec

func TestMain(m *testing.M) {
	var err error
	if testCodec, err = NewCodec(Fastest, 0); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

const testDump = "0123456789abcdef0123456789abcdef"

func testHeader(t Type) Header {
	return Header{Dump: testDump, Type: t, Writer: "test 1"}
}

func b(s string) []byte { return []byte(s) }

func bs(list ...string) [][]byte {
	out := [][]byte{}
	for _, s := range list {
		out = append(out, b(s))
	}
	return out
}

// edges are byte strings that careless code changes.
var edges = []string{
	"", "\x00", "\r\n", "\n", "$-1\r\n", "\xff\xfe\x00", "\xc3\x28", "\x80", " ", "nil", "中文", "\"\\", "k\x00", "k\x00\x00",
}

// edgeScores are floats of which text forms lose something.
var edgeScores = []float64{
	0, math.Copysign(0, -1), 1, -1, 0.1, math.Inf(1), math.Inf(-1), math.MaxFloat64, math.SmallestNonzeroFloat64,
	-math.SmallestNonzeroFloat64, 1<<53 + 1, math.Float64frombits(0x000fffffffffffff), math.NaN(),
	math.Float64frombits(0x7ff0000000000001), math.Float64frombits(0xfff8dead0000beef),
}

// sampleRecords returns small records of every shape that a chunk of type t holds, in order.
func sampleRecords(t Type) []Record {
	state := &StreamState{StreamID{5, 1}, StreamID{2, math.MaxUint64}, 9}
	const whole, first, last = PartWhole, PartFirst, PartLast
	switch t {
	case TypeString:
		return []Record{
			{Kind: String, Key: b(""), Part: whole, Value: b("")},
			{Kind: String, Key: b("\x00\r\n"), Part: whole, Value: b("\xff\x00\r\n"), Expire: math.MaxInt64},
			{Kind: HyperLogLog, Key: b("hll"), Part: whole, Value: b("PIKA\x00"), Expire: 1},
			{Kind: String, Key: b("parts"), Part: first, Value: b("one "), Expire: 1893456000000},
			{Kind: String, Key: b("parts"), Value: b(""), Expire: 1893456000000},
			{Kind: String, Key: b("parts"), Part: last, Value: b("two"), Expire: 1893456000000},
		}
	case TypeHash:
		return []Record{
			{Kind: Hash, Key: b(""), Part: whole, Elems: bs("", "", "f", "v")},
			{Kind: Hash, Key: b("h"), Part: first, Elems: bs("\xff", "\x00"), Expire: 7},
			{Kind: Hash, Key: b("h"), Part: last, Elems: bs(), Expire: 7},
		}
	case TypeList, TypeSet:
		k := List
		if t == TypeSet {
			k = Set
		}
		return []Record{
			{Kind: k, Key: b("a"), Part: whole, Elems: bs("", "\r\n", "\xc3\x28")},
			{Kind: k, Key: b("b"), Part: first, Elems: bs("x")},
			{Kind: k, Key: b("b"), Elems: bs("y", "z")},
			{Kind: k, Key: b("b"), Part: last, Elems: bs("zz")},
		}
	case TypeZset:
		r := Record{Kind: Zset, Key: b("z"), Part: whole, Expire: 300}
		for i, s := range edgeScores {
			r.Elems = append(r.Elems, fmt.Appendf(nil, "m%d", i))
			r.Scores = append(r.Scores, s)
		}
		return []Record{{Kind: Zset, Key: b("y"), Part: whole, Elems: bs(""), Scores: []float64{-0.5}}, r}
	}
	return []Record{
		{Kind: Stream, Key: b("empty"), Part: whole, State: state},
		{Kind: Stream, Key: b("s"), Part: first, Entries: []Entry{{StreamID{1, 0}, bs("f", "v", "", "")}, {StreamID{1, 1}, bs()}}},
		{Kind: Stream, Key: b("s"), Part: last, Entries: []Entry{{StreamID{math.MaxUint64, 3}, bs("\xff", "\x00")}}, State: state},
	}
}

// mustChunk returns a chunk of recs with the range from h.Start to end.
func mustChunk(t testing.TB, h Header, recs []Record, end []byte, notes ...func(*ChunkWriter)) []byte {
	t.Helper()
	var buf bytes.Buffer
	cw, err := NewChunkWriter(&buf, testCodec, h)
	if err != nil {
		t.Fatal(err)
	}
	for i := range recs {
		if err := cw.Write(&recs[i]); err != nil {
			t.Fatal(err)
		}
	}
	for _, note := range notes {
		note(cw)
	}
	if _, err := cw.Close(end); err != nil {
		t.Fatal(err)
	}
	if cw.Size() != int64(buf.Len()) {
		t.Fatalf("Size %d, wrote %d", cw.Size(), buf.Len())
	}
	return buf.Bytes()
}

// readAll reads a chunk to its end, as copies.
func readAll(data []byte) (Header, []Record, Footer, error) {
	cr, err := NewChunkReader(bytes.NewReader(data), testCodec, "test.mpz")
	if err != nil {
		return Header{}, nil, Footer{}, err
	}
	var recs []Record
	for {
		var r Record
		if err := cr.Next(&r); err == io.EOF {
			return cr.Header(), recs, cr.Footer(), nil
		} else if err != nil {
			return cr.Header(), recs, cr.Footer(), err
		}
		recs = append(recs, cloneRecord(&r))
	}
}

func cloneRecord(r *Record) Record {
	c := *r
	c.Key, c.Value = bytes.Clone(r.Key), bytes.Clone(r.Value)
	c.Elems, c.Scores, c.Entries = cloneAll(r.Elems), append([]float64(nil), r.Scores...), nil
	for _, e := range r.Entries {
		c.Entries = append(c.Entries, Entry{e.ID, cloneAll(e.Fields)})
	}
	return c
}

func cloneAll(list [][]byte) [][]byte {
	out := make([][]byte, len(list))
	for i := range list {
		out[i] = bytes.Clone(list[i])
	}
	return out
}

// diffRecord compares records bit by bit, NaNs too. Nil and empty are equal.
func diffRecord(got, want *Record) error {
	if got.Kind != want.Kind || got.Expire != want.Expire || got.Part != want.Part || !bytes.Equal(got.Key, want.Key) {
		return fmt.Errorf("got %v %q expire %d part %d, want %v %q expire %d part %d",
			got.Kind, got.Key, got.Expire, got.Part, want.Kind, want.Key, want.Expire, want.Part)
	}
	err := diffBulks(got.Elems, want.Elems)
	if !bytes.Equal(got.Value, want.Value) {
		err = errors.New("values differ")
	}
	if len(got.Scores) != len(want.Scores) || len(got.Entries) != len(want.Entries) {
		return fmt.Errorf("%q: %d scores, %d entries", got.Key, len(got.Scores), len(got.Entries))
	}
	for i, s := range got.Scores {
		if math.Float64bits(s) != math.Float64bits(want.Scores[i]) {
			err = fmt.Errorf("score %d is %x, want %x", i, math.Float64bits(s), math.Float64bits(want.Scores[i]))
		}
	}
	for i, e := range got.Entries {
		if e.ID != want.Entries[i].ID {
			err = fmt.Errorf("entry %d is %s, want %s", i, e.ID, want.Entries[i].ID)
		}
		err = errors.Join(err, diffBulks(e.Fields, want.Entries[i].Fields))
	}
	if (got.State == nil) != (want.State == nil) || got.State != nil && *got.State != *want.State {
		err = fmt.Errorf("state is %+v, want %+v", got.State, want.State)
	}
	if err != nil {
		return fmt.Errorf("%v %.40q: %w", got.Kind, got.Key, err)
	}
	return nil
}

func diffBulks(got, want [][]byte) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d elements, want %d", len(got), len(want))
	}
	for i := range got {
		if !bytes.Equal(got[i], want[i]) {
			return fmt.Errorf("element %d is %.40q, want %.40q", i, got[i], want[i])
		}
	}
	return nil
}

func diffRecords(got, want []Record) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d records, want %d", len(got), len(want))
	}
	for i := range got {
		if err := diffRecord(&got[i], &want[i]); err != nil {
			return fmt.Errorf("record %d: %w", i, err)
		}
	}
	return nil
}

func sha256Sum(data []byte) []byte {
	sum := sha256.Sum256(data)
	return sum[:]
}

func sha256Hex(data []byte) string { return hex.EncodeToString(sha256Sum(data)) }

// Find calls emit for each record of key, in order, reading only the frames that can hold it.
func (c *Chunk) Find(key []byte, emit func(*Record) error) error {
	for k := c.Keys(); ; {
		found, err := k.Seek(key)
		if err == io.EOF || err == nil && !bytes.Equal(found, key) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := emit(k.Record()); err != nil {
			return err
		}
	}
}
