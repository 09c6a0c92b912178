package format

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
)

// libraryRecord writes r with the msgpack library: the definition of the bytes that
// AppendRecord writes.
func libraryRecord(r *Record) ([]byte, error) {
	var buf bytes.Buffer
	l := libraryWriter{enc: msgpack.NewEncoder(&buf)}
	l.record(r)
	return buf.Bytes(), l.err
}

type libraryWriter struct {
	enc *msgpack.Encoder
	err error
}

func (l *libraryWriter) array(n int)     { l.err = errors.Join(l.err, l.enc.EncodeArrayLen(n)) }
func (l *libraryWriter) uint(v uint64)   { l.err = errors.Join(l.err, l.enc.EncodeUint(v)) }
func (l *libraryWriter) float(v float64) { l.err = errors.Join(l.err, l.enc.EncodeFloat64(v)) }
func (l *libraryWriter) null()           { l.err = errors.Join(l.err, l.enc.EncodeNil()) }

// bin writes nil as empty: the library would write it as msgpack's nil.
func (l *libraryWriter) bin(v []byte) {
	l.err = errors.Join(l.err, l.enc.EncodeBytes(append([]byte{}, v...)))
}

func (l *libraryWriter) bins(list [][]byte) {
	l.array(len(list))
	for _, v := range list {
		l.bin(v)
	}
}

func (l *libraryWriter) record(r *Record) {
	l.array(map[Kind]int{String: 5, Hash: 5, List: 5, Set: 5, Zset: 5, Stream: 6, HyperLogLog: 4, Deleted: 2}[r.Kind])
	l.uint(uint64(r.Kind))
	l.bin(r.Key)
	if r.Kind == Deleted {
		return
	}
	l.uint(uint64(r.Expire))
	if r.Kind == HyperLogLog {
		l.bin(r.Value)
		return
	}
	l.uint(uint64(r.Part))
	switch r.Kind {
	case String:
		l.bin(r.Value)
	case Zset:
		l.array(2 * len(r.Elems))
		for i := range r.Elems {
			l.bin(r.Elems[i])
			l.float(r.Scores[i])
		}
	case Stream:
		l.array(len(r.Entries))
		for _, e := range r.Entries {
			l.array(3)
			l.uint(e.ID.Ms)
			l.uint(e.ID.Seq)
			l.bins(e.Fields)
		}
		if r.State == nil {
			l.null()
			return
		}
		l.array(5)
		s := r.State
		for _, v := range []uint64{s.LastID.Ms, s.LastID.Seq, s.MaxDeletedID.Ms, s.MaxDeletedID.Seq, s.EntriesAdded} {
			l.uint(v)
		}
	default:
		l.bins(r.Elems)
	}
}

// checkLibrary holds AppendRecord, DecodeRecord and the library to one another.
func checkLibrary(r *Record) error {
	data := AppendRecord(nil, r)
	want, err := libraryRecord(r)
	if err != nil {
		return err
	}
	if !bytes.Equal(data, want) {
		return fmt.Errorf("%v: wrote %.80x, the library %.80x", r.Kind, data, want)
	}
	var got Record
	if n, err := DecodeRecord(data, &got); err != nil || n != len(data) {
		return fmt.Errorf("decoded %d of %d bytes: %w", n, len(data), err)
	}
	if err := diffRecord(&got, r); err != nil {
		return err
	}
	dec := msgpack.NewDecoder(bytes.NewReader(data))
	v, err := dec.DecodeInterface()
	if err != nil {
		return err
	}
	return sameValues(v, r)
}

// sameValues compares what the library decoded with r.
func sameValues(v any, r *Record) error {
	got := []any{}
	var flatten func(v any)
	flatten = func(v any) {
		list, ok := v.([]any)
		if !ok {
			got = append(got, v)
		}
		for _, v := range list {
			flatten(v)
		}
	}
	flatten(v)
	want := []any{uint64(r.Kind), r.Key, uint64(r.Expire)}
	if r.Kind == Deleted {
		want = want[:2]
	} else if r.Kind != HyperLogLog {
		want = append(want, uint64(r.Part))
	}
	switch r.Kind {
	case String, HyperLogLog:
		want = append(want, r.Value)
	case Stream:
		for _, e := range r.Entries {
			want = append(want, e.ID.Ms, e.ID.Seq)
			for _, f := range e.Fields {
				want = append(want, f)
			}
		}
		if s := r.State; s != nil {
			want = append(want, s.LastID.Ms, s.LastID.Seq, s.MaxDeletedID.Ms, s.MaxDeletedID.Seq, s.EntriesAdded)
		} else {
			want = append(want, nil)
		}
	default:
		for i, e := range r.Elems {
			want = append(want, e)
			if r.Kind == Zset {
				want = append(want, r.Scores[i])
			}
		}
	}
	if len(got) != len(want) {
		return fmt.Errorf("the library reads %d values, not %d", len(got), len(want))
	}
	for i := range got {
		if !sameValue(got[i], want[i]) {
			return fmt.Errorf("value %d: the library reads %v, not %v", i, got[i], want[i])
		}
	}
	return nil
}

func sameValue(got, want any) bool {
	switch want := want.(type) {
	case []byte:
		b, ok := got.([]byte)
		return ok && bytes.Equal(b, want)
	case float64:
		f, ok := got.(float64)
		return ok && math.Float64bits(f) == math.Float64bits(want)
	case uint64:
		switch got := got.(type) {
		case int8:
			return uint64(got) == want // a positive fixint
		case uint8:
			return uint64(got) == want
		case uint16:
			return uint64(got) == want
		case uint32:
			return uint64(got) == want
		case uint64:
			return got == want
		}
		return false
	}
	return got == nil && want == nil
}

func TestMsgpackLibrary(t *testing.T) {
	for _, typ := range Types {
		for _, r := range sampleRecords(typ) {
			if err := checkLibrary(&r); err != nil {
				t.Error(err)
			}
		}
	}
	for _, n := range []int{0, 15, 16, 31, 32, 255, 256, 65535, 65536} {
		elems := make([][]byte, n)
		for i := range elems {
			elems[i] = make([]byte, i%3)
		}
		even := elems[:n/2*2]
		for _, r := range []Record{
			{Kind: String, Part: 3, Key: make([]byte, n), Value: make([]byte, n), Expire: int64(n)},
			{Kind: List, Part: 1, Elems: elems},
			{Kind: Zset, Part: 2, Elems: elems, Scores: make([]float64, n)},
			{Kind: Stream, Part: 0, Entries: []Entry{{StreamID{uint64(n), uint64(n) << 32}, even}}},
		} {
			if err := checkLibrary(&r); err != nil {
				t.Error(err)
			}
		}
	}
	for _, e := range []int64{0, 1, 127, 128, 255, 256, 65535, 65536, math.MaxUint32, math.MaxUint32 + 1, math.MaxInt64} {
		if err := checkLibrary(&Record{Kind: Set, Part: 3, Expire: e}); err != nil {
			t.Error(err)
		}
	}
}

// TestWiderIntegers: any width of an unsigned integer and of a length is read.
func TestWiderIntegers(t *testing.T) {
	want := Record{Kind: List, Key: b("k"), Part: PartWhole, Expire: 5, Elems: bs("e")}
	for _, data := range []string{
		"\x95\x03\xc4\x01k\x05\x03\x91\xc4\x01e",
		"\xdc\x00\x05\xcc\x03\xc5\x00\x01k\xcd\x00\x05\xcc\x03\xdc\x00\x01\xc5\x00\x01e",
		"\xdd\x00\x00\x00\x05\xcf\x00\x00\x00\x00\x00\x00\x00\x03\xc6\x00\x00\x00\x01k\xce\x00\x00\x00\x05\xcc\x03\xdd\x00\x00\x00\x01\xc6\x00\x00\x00\x01e",
	} {
		var got Record
		if _, err := DecodeRecord(b(data), &got); err != nil {
			t.Error(err)
		} else if err := diffRecord(&got, &want); err != nil {
			t.Error(err)
		}
	}
}

// TestSkip: a value of any type can be skipped, in a header of a later version.
func TestSkip(t *testing.T) {
	data := b("\xdc\x00\x16\xd9\x01a\xda\x00\x01a\xdb\x00\x00\x00\x01a\xc5\x00\x01a\xc6\x00\x00\x00\x01a\xc7\x01\x05a\xc8\x00\x01\x05a" +
		"\xc9\x00\x00\x00\x01\x05a\xca1234\xcb12345678\xcc1\xcd12\xce1234\xcf12345678\xd01\xd112\xd21234\xd312345678\xd451\xd85" +
		"0123456789abcdef\xdd\x00\x00\x00\x01\xc0\xde\x00\x01\xa1k\xdf\x00\x00\x00\x01\xa1k\xff")
	for n := range len(data) + 1 {
		c := cursor{buf: data[:n]}
		if c.skip(); (c.err == nil) != (n == len(data)) || c.err == nil && c.off != n {
			t.Fatalf("cut at %d: %v at %d", n, c.err, c.off)
		}
	}
}

// TestRecordReuse: nothing of a record is left in the one that is read after it.
func TestRecordReuse(t *testing.T) {
	var all []Record
	for _, typ := range Types {
		all = append(all, sampleRecords(typ)...)
	}
	var r Record
	for i := range all {
		for j := range all {
			for _, k := range []int{i, j} {
				if _, err := DecodeRecord(AppendRecord(nil, &all[k]), &r); err != nil {
					t.Fatal(err)
				}
				if err := diffRecord(&r, &all[k]); err != nil {
					t.Fatalf("%d after %d: %v", j, i, err)
				}
			}
		}
	}
}
