package rawbatch

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// TestBytes: the bytes of the tables of the package, written out by hand.
func TestBytes(t *testing.T) {
	const version = 0x0102030405060708
	for _, tc := range []struct {
		name string
		slot int
		r    format.Record
		puts []string
	}{
		{"string", -1, format.Record{Kind: format.String, Key: []byte("k"), Value: []byte("vv"), Expire: 0x1122}, []string{
			"05 01  04 026e73 6b  0b 81 0000000000001122 7676"}},
		{"hash in a cluster", 0x3001, format.Record{Kind: format.Hash, Key: []byte("k"), Elems: [][]byte{[]byte("f"), []byte("v")}}, []string{
			"01  13 026e73 3001 00000001 6b 0102030405060708 66  01 76",
			"05 01  06 026e73 3001 6b  19 82 0000000000000000 0102030405060708 0000000000000001"}},
		{"list", -1, format.Record{Kind: format.List, Key: []byte("k"), Elems: [][]byte{[]byte("a"), {}}}, []string{
			"01  18 026e73 00000001 6b 0102030405060708 7fffffffffffffff  01 61",
			"01  18 026e73 00000001 6b 0102030405060708 8000000000000000  00",
			"05 01  04 026e73 6b  29 83 0000000000000000 0102030405060708 0000000000000002 7fffffffffffffff 8000000000000001"}},
		{"set", -1, format.Record{Kind: format.Set, Key: []byte("k"), Elems: [][]byte{[]byte("m")}}, []string{
			"01  11 026e73 00000001 6b 0102030405060708 6d  00",
			"05 01  04 026e73 6b  19 84 0000000000000000 0102030405060708 0000000000000001"}},
		{"zset", -1, format.Record{Kind: format.Zset, Key: []byte("k"), Elems: [][]byte{[]byte("m"), []byte("n")}, Scores: []float64{1.5, -1.5}}, []string{
			"01  11 026e73 00000001 6b 0102030405060708 6d  08 bff8000000000000",
			"05 02  19 026e73 00000001 6b 0102030405060708 bff8000000000000 6d  00",
			"01  11 026e73 00000001 6b 0102030405060708 6e  08 4007ffffffffffff",
			"05 02  19 026e73 00000001 6b 0102030405060708 4007ffffffffffff 6e  00",
			"05 01  04 026e73 6b  19 85 0000000000000000 0102030405060708 0000000000000002"}},
		{"stream", -1, format.Record{Kind: format.Stream, Key: []byte("k"),
			Entries: []format.Entry{{ID: format.StreamID{Ms: 1, Seq: 2}, Fields: [][]byte{[]byte("f"), []byte("vv")}}},
			State:   &format.StreamState{LastID: format.StreamID{Ms: 9}, MaxDeletedID: format.StreamID{Seq: 1}, EntriesAdded: 3}}, []string{
			"05 05  20 026e73 00000001 6b 0102030405060708 0000000000000001 0000000000000002  05 0166 027676",
			"05 01  04 026e73 6b  79 88 0000000000000000 0102030405060708 0000000000000001" +
				"0000000000000009 0000000000000000  0000000000000001 0000000000000002  0000000000000000 0000000000000001" +
				"0000000000000001 0000000000000002  0000000000000001 0000000000000002  0000000000000003 0000000000000000"}},
	} {
		ks := Keyspace{Namespace: "ns"}
		if tc.slot >= 0 {
			ks.Slot = func([]byte) int { return tc.slot }
		}
		e, err := New(ks)
		if err != nil {
			t.Fatal(err)
		}
		tc.r.Part = format.PartWhole
		if err := e.Add(&tc.r, version); err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		text := "0000000000000000 0" + string('0'+rune(len(tc.puts))) + "000000" + strings.Join(tc.puts, "")
		want, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		if !bytes.Equal(e.Bytes(), want) {
			t.Errorf("%s:\n%x, not\n%x", tc.name, e.Bytes(), want)
		}
		if err := Check(e.Bytes(), ks, len(tc.puts)); err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

// TestParts: a key in parts is the same puts as the whole key, in as many batches as one likes.
func TestParts(t *testing.T) {
	records, _ := keysOf(1)
	for _, r := range records {
		if r.Part != format.PartWhole || r.Kind == format.String || r.Kind == format.Stream {
			continue
		}
		whole, parts := encoder(t), encoder(t)
		if err := whole.Add(&r, 7); err != nil {
			t.Fatal(err)
		}
		each := max(1, len(r.Elems)/max(1, r.Elements())) // field and value stay together
		got := []byte{}
		for at := 0; at < len(r.Elems); at += each {
			part := r
			part.Part, part.Elems = 0, r.Elems[at:at+each]
			if r.Scores != nil {
				part.Scores = r.Scores[at : at+each]
			}
			if at == 0 {
				part.Part |= format.PartFirst
			}
			if at+each == len(r.Elems) {
				part.Part |= format.PartLast
			}
			parts.Reset()
			if err := parts.Add(&part, 7); err != nil {
				t.Fatal(err)
			}
			if err := Check(parts.Bytes(), keyspace, parts.Puts()); err != nil {
				t.Fatal(err)
			}
			got = append(got, parts.Bytes()[headSize:]...)
		}
		if !bytes.Equal(got, whole.Bytes()[headSize:]) {
			t.Errorf("%q in parts:\n%x, not\n%x", r.Key, got, whole.Bytes()[headSize:])
		}
	}
}

// TestRefused: what no batch can hold, or what does not follow, is an error and leaves no key begun.
func TestRefused(t *testing.T) {
	e := encoder(t)
	for name, r := range map[string]format.Record{
		"hyperloglog":         {Kind: format.HyperLogLog, Part: format.PartWhole},
		"a part of nothing":   {Kind: format.Set, Part: format.PartLast, Elems: [][]byte{{1}}},
		"expiry before 1970":  {Kind: format.String, Part: format.PartWhole, Expire: -1},
		"a string above that": {Kind: format.String, Part: format.PartFirst, Value: make([]byte, MaxString+1)},
	} {
		if err := e.Add(&r, 1); !errors.Is(err, ErrEncoding) {
			t.Errorf("%s: %v", name, err)
		}
		if e.key.open {
			t.Errorf("%s: a key is open", name)
		}
		e.Abandon()
	}
	for _, ns := range []string{"", strings.Repeat("n", 256)} {
		if _, err := New(Keyspace{Namespace: ns}); !errors.Is(err, ErrEncoding) {
			t.Errorf("namespace of %d bytes: %v", len(ns), err)
		}
	}
}

// TestCheck: a batch that is cut anywhere, has another count, or is for another namespace is refused.
func TestCheck(t *testing.T) {
	e := encoder(t)
	records, _ := keysOf(1)
	for _, r := range records {
		if err := e.Add(&r, 1); err != nil {
			t.Fatal(err)
		}
	}
	data, puts := e.Bytes(), e.Puts()
	if err := Check(data, keyspace, puts); err != nil {
		t.Fatal(err)
	}
	for n := range data {
		if Check(data[:n], keyspace, puts) == nil {
			t.Errorf("cut to %d of %d bytes it passes", n, len(data))
		}
	}
	for name, bad := range map[string]func() error{
		"more behind it":    func() error { return Check(append(bytes.Clone(data), 0), keyspace, puts) },
		"one put less":      func() error { return Check(data, keyspace, puts-1) },
		"another namespace": func() error { return Check(data, Keyspace{Namespace: "other"}, puts) },
		"a cluster's slots": func() error {
			return Check(data, Keyspace{Namespace: keyspace.Namespace, Slot: func([]byte) int { return 0 }}, puts)
		},
		"nothing": func() error { return Check(data[:headSize], keyspace, 0) },
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
		f.Add(format.AppendRecord(nil, &r), uint64(1))
	}
	f.Fuzz(func(t *testing.T, data []byte, version uint64) {
		var r format.Record
		if _, err := format.DecodeRecord(data, &r); err != nil || r.Validate() != nil {
			return
		}
		r.Part = format.PartWhole
		if r.Kind == format.Stream && r.State == nil {
			return
		}
		e := encoder(t)
		if err := e.Add(&r, version); err != nil {
			if !errors.Is(err, ErrEncoding) {
				t.Fatal(err)
			}
			return
		}
		if r.Kind != format.String && r.Kind != format.Stream && r.Elements() == 0 {
			return // no key has no elements: Check refuses it
		}
		if err := Check(e.Bytes(), keyspace, e.Puts()); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
	})
}

// FuzzCheck: no bytes make the check fail otherwise than by an error.
func FuzzCheck(f *testing.F) {
	e := encoder(f)
	records, _ := keysOf(1)
	for _, r := range records {
		if err := e.Add(&r, 1); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(e.Bytes(), e.Puts(), false)
	f.Fuzz(func(_ *testing.T, data []byte, puts int, cluster bool) {
		ks := keyspace
		if cluster {
			ks.Slot = func([]byte) int { return 0 }
		}
		_ = Check(data, ks, puts)
	})
}

var keyspace = Keyspace{Namespace: "__namespace"}

func encoder(t testing.TB) *Encoder {
	e, err := New(keyspace)
	if err != nil {
		t.Fatal(err)
	}
	return e
}
