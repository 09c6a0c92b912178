package rawbatch

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// addAll adds records of whole keys, each as large batches would have it.
func addAll(e *Encoder, records ...format.Record) {
	for i := range records {
		r := &records[i]
		if r.Kind == format.String {
			e.String(r.Key, r.Value, r.Expire)
			continue
		}
		if r.Part&format.PartFirst != 0 {
			e.Begin(r.Kind, r.Key, r.Expire)
		}
		for i := range r.Elements() {
			e.Add(r, i)
		}
		if r.Part&format.PartLast != 0 {
			e.Metadata(r.State)
		}
	}
}

// TestBytes: the bytes of the tables of the package, written out by hand.
func TestBytes(t *testing.T) {
	b := func(s ...string) (list [][]byte) {
		for _, s := range s {
			list = append(list, []byte(s))
		}
		return list
	}
	const version = "8102030405060708"
	const sub = " 026e73 00000001 6b " + version
	for _, tc := range []struct {
		name string
		r    format.Record
		want []string
	}{
		{"string", format.Record{Kind: format.String, Value: []byte("vv"), Expire: 0x1122}, []string{"01",
			"05 01  04 026e73 6b  0b 81 0000000000001122 7676"}},
		{"hash", format.Record{Kind: format.Hash, Elems: b("f", "v"), Expire: 5}, []string{"02",
			"03 03 322038",
			"01  11" + sub + " 66  01 76",
			"05 01  04 026e73 6b  19 82 0000000000000005 " + version + " 0000000000000001"}},
		{"list", format.Record{Kind: format.List, Elems: b("a", ""), Expire: 5}, []string{"03",
			"03 03 332037",
			"01  18" + sub + " 7fffffffffffffff  01 61",
			"01  18" + sub + " 8000000000000000  00",
			"03 03 332038",
			"05 01  04 026e73 6b  29 83 0000000000000005 " + version + " 0000000000000002",
			"7fffffffffffffff 8000000000000001"}},
		{"set", format.Record{Kind: format.Set, Elems: b("m")}, []string{"02",
			"03 01 34",
			"01  11" + sub + " 6d  00",
			"05 01  04 026e73 6b  19 84 0000000000000000 " + version + " 0000000000000001"}},
		{"zset", format.Record{Kind: format.Zset, Elems: b("m", "n"), Scores: []float64{1.5, -1.5}}, []string{"05",
			"03 01 35",
			"01  11" + sub + " 6d  08 bff8000000000000",
			"05 02  19" + sub + " bff8000000000000 6d  00",
			"01  11" + sub + " 6e  08 4007ffffffffffff",
			"05 02  19" + sub + " 4007ffffffffffff 6e  00",
			"05 01  04 026e73 6b  19 85 0000000000000000 " + version + " 0000000000000002"}},
		{"stream", format.Record{Kind: format.Stream,
			Entries: []format.Entry{{ID: format.StreamID{Ms: 1, Seq: 2}, Fields: b("f", "vv")}},
			State: &format.StreamState{LastID: format.StreamID{Ms: 9}, MaxDeletedID: format.StreamID{Seq: 1},
				EntriesAdded: 3}}, []string{"02",
			"03 01 38",
			"05 05  20" + sub + " 0000000000000001 0000000000000002  05 0166 027676",
			"05 01  04 026e73 6b  79 88 0000000000000000 " + version + " 0000000000000001",
			"0000000000000009 0000000000000000  0000000000000001 0000000000000002",
			"0000000000000000 0000000000000001  0000000000000001 0000000000000002",
			"0000000000000001 0000000000000002  0000000000000003 0000000000000000"}},
	} {
		e, err := New("ns")
		if err != nil {
			t.Fatal(err)
		}
		e.version = 0x8102030405060707 // the next is that above
		tc.r.Part, tc.r.Key = format.PartWhole, []byte("k")
		addAll(e, tc.r)
		text := "0000000000000000 " + tc.want[0] + "000000" + strings.Join(tc.want[1:], "")
		want, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		if !bytes.Equal(e.Bytes(), want) {
			t.Errorf("%s:\n%x, not\n%x", tc.name, e.Bytes(), want)
		}
		if err := Check(e.Bytes(), "ns", e.Puts(), 0); err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

// TestVersions: each key has its own, whatever it is called, none below 2^63, and no two encoders
// begin alike.
func TestVersions(t *testing.T) {
	e, f := encoder(t), encoder(t)
	seen := map[uint64]bool{}
	for _, e := range []*Encoder{e, f} {
		for range 3 {
			e.Begin(format.Set, []byte("k"), 0)
			if e.version < ownVersions || seen[e.version] {
				t.Errorf("version %x", e.version)
			}
			seen[e.version] = true
		}
	}
	e.version = 1<<64 - 1
	if e.Begin(format.Set, []byte("k"), 0); e.version < ownVersions {
		t.Errorf("after the last version: %x", e.version)
	}
}

// TestPieces: a key of several batches has its metadata at the end of each.
func TestPieces(t *testing.T) {
	records, _ := keysOf(1)
	for _, r := range records {
		if r.Kind == format.String || r.Kind == format.Stream {
			continue
		}
		e := encoder(t)
		e.Begin(r.Kind, r.Key, r.Expire)
		for i := range r.Elements() {
			e.Reset()
			e.Add(&r, i)
			if err := Check(e.Bytes(), namespace, e.Puts(), i); err == nil {
				t.Errorf("%q: without metadata it passes", r.Key)
			}
			e.Metadata(nil)
			if err := Check(e.Bytes(), namespace, e.Puts(), i); err != nil {
				t.Errorf("%q, element %d: %v", r.Key, i, err)
			}
			if err := Check(e.Bytes(), namespace, e.Puts(), i+1); err == nil {
				t.Errorf("%q, element %d: with a wrong number before it passes", r.Key, i)
			}
		}
	}
}

// TestCut: a batch is as if the key that was cut out had not been added.
func TestCut(t *testing.T) {
	records, _ := keysOf(1)
	e := encoder(t)
	var ends, puts []int
	for _, r := range records {
		addAll(e, r)
		ends, puts = append(ends, e.Len()), append(puts, e.Puts())
	}
	whole := bytes.Clone(e.Bytes())
	e.Cut(ends[1], ends[2], puts[2]-puts[1])
	e.Cut(headSize, ends[0], puts[0])
	want := slices.Concat(whole[ends[0]:ends[1]], whole[ends[2]:])
	if !bytes.Equal(e.Bytes()[headSize:], want) {
		t.Errorf("%x, not\n%x", e.Bytes()[headSize:], want)
	}
	if err := Check(e.Bytes(), namespace, e.Puts(), 0); err != nil {
		t.Error(err)
	}
}

// TestNamespaces: those that no server has are refused.
func TestNamespaces(t *testing.T) {
	for _, ns := range []string{"", strings.Repeat("n", 256)} {
		if _, err := New(ns); err == nil {
			t.Errorf("namespace of %d bytes: no error", len(ns))
		}
	}
}

// TestCheck: a batch that is cut anywhere, has another count, or is for another namespace is
// refused.
func TestCheck(t *testing.T) {
	e := encoder(t)
	records, _ := keysOf(1)
	addAll(e, records...)
	data, puts := e.Bytes(), e.Puts()
	if err := Check(data, namespace, puts, 0); err != nil {
		t.Fatal(err)
	}
	for n := range data {
		if Check(data[:n], namespace, puts, 0) == nil {
			t.Errorf("cut to %d of %d bytes it passes", n, len(data))
		}
	}
	for name, bad := range map[string]func() error{
		"more behind it":    func() error { return Check(append(bytes.Clone(data), 0), namespace, puts, 0) },
		"one put less":      func() error { return Check(data, namespace, puts-1, 0) },
		"another namespace": func() error { return Check(data, "other", puts, 0) },
		"nothing":           func() error { return Check(data[:headSize], namespace, 0, 0) },
	} {
		if bad() == nil {
			t.Errorf("%s: it passes", name)
		}
	}
}

// FuzzAdd: whatever the record, what the Encoder makes of it passes the check.
func FuzzAdd(f *testing.F) {
	records, _ := keysOf(1)
	for _, r := range records {
		f.Add(format.AppendRecord(nil, &r))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var r format.Record
		if _, err := format.DecodeRecord(data, &r); err != nil || r.Validate() != nil {
			return
		}
		r.Part = format.PartWhole
		switch {
		case r.Kind == format.HyperLogLog:
			return
		case r.Kind == format.Stream && (r.State == nil || slices.ContainsFunc(r.Entries, func(e format.Entry) bool {
			return len(e.Fields) == 0
		})):
			return
		case r.Kind != format.String && r.Kind != format.Stream && r.Elements() == 0:
			return // no key has no elements: Check refuses it
		}
		e := encoder(t)
		addAll(e, r)
		if err := Check(e.Bytes(), namespace, e.Puts(), 0); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
	})
}

// FuzzCheck: no bytes make the check fail otherwise than by an error.
func FuzzCheck(f *testing.F) {
	e := encoder(f)
	records, _ := keysOf(1)
	addAll(e, records...)
	f.Add(e.Bytes(), e.Puts(), 0)
	f.Fuzz(func(_ *testing.T, data []byte, puts, before int) {
		_ = Check(data, namespace, puts, before)
	})
}

const namespace = "__namespace"

func encoder(t testing.TB) *Encoder {
	e, err := New(namespace)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestEncoderAllocates: a key that fits the batch takes no memory of its own.
func TestEncoderAllocates(t *testing.T) {
	e, err := New(namespace)
	if err != nil {
		t.Fatal(err)
	}
	name, r := []byte("key"), &format.Record{Kind: format.Zset, Elems: [][]byte{[]byte("member")}, Scores: []float64{1}}
	n := testing.AllocsPerRun(100, func() {
		e.Reset()
		e.String(name, name, 1)
		e.Begin(format.Zset, name, 2)
		e.Add(r, 0)
		e.Metadata(nil)
	})
	if n > 0 {
		t.Errorf("%v allocations", n)
	}
}
