package format

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
)

func FuzzRecord(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		var r, again Record
		n, err := DecodeRecord(data, &r)
		if n < 0 || n > len(data) {
			t.Fatalf("took %d of %d bytes", n, len(data))
		}
		if err != nil {
			return
		}
		if err := r.Validate(); err != nil {
			t.Fatalf("decoded, but invalid: %v", err)
		}
		short := AppendRecord(nil, &r)
		if len(short) > n {
			t.Fatalf("encoded to %d bytes, decoded from %d", len(short), n)
		}
		if m, err := DecodeRecord(short, &again); err != nil || m != len(short) {
			t.Fatalf("decoded %d of %d bytes: %v", m, len(short), err)
		}
		if err := diffRecord(&again, &r); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(AppendRecord(nil, &again), short) {
			t.Fatal("not stable")
		}
	})
}

// FuzzMsgpackLibrary makes a record out of data: each element is a length byte and so
// many bytes.
func FuzzMsgpackLibrary(f *testing.F) {
	f.Fuzz(func(t *testing.T, kind uint8, expire int64, part uint8, number uint64, data []byte) {
		r := Record{Kind: []Kind{String, Hash, List, Set, Zset, Stream, HyperLogLog, Deleted}[kind%8], Expire: expire & math.MaxInt64, Part: Part(part % 4)}
		elems := [][]byte{}
		for len(data) > 0 {
			n := min(len(data)-1, int(data[0]))
			elems, data = append(elems, data[1:1+n]), data[1+n:]
		}
		if len(elems) > 0 {
			r.Key, elems = elems[0], elems[1:]
		}
		even := elems[:len(elems)/2*2]
		switch r.Kind {
		case Deleted:
			r.Expire, r.Part = 0, PartWhole
		case String, HyperLogLog:
			r.Value = bytes.Join(elems, nil)
			if r.Kind == HyperLogLog {
				r.Part = PartWhole
			}
		case Hash:
			r.Elems = even
		case List, Set:
			r.Elems = elems
		case Zset:
			r.Elems = elems
			for i := range elems {
				r.Scores = append(r.Scores, math.Float64frombits(number<<(i%64)))
			}
		case Stream:
			r.Entries = []Entry{{StreamID{number, uint64(expire)}, even}, {StreamID{number >> part, 0}, nil}}
			if r.Part&PartLast != 0 {
				r.State = &StreamState{StreamID{number, number}, StreamID{0, number >> 8}, uint64(part)}
			}
		}
		if err := r.Validate(); err != nil {
			t.Fatal(err)
		}
		if err := checkLibrary(&r); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzChunk reads file as it is, and content as the frame of records of an else good
// chunk. What ChunkReader takes, ChunkWriter must take too.
func FuzzChunk(f *testing.F) {
	f.Fuzz(func(t *testing.T, file, content []byte) {
		check := func(data []byte) {
			findAll(data)
			h, recs, footer, err := readAll(data)
			if err != nil {
				var c *CorruptError
				if !errors.As(err, &c) || c.Offset > int64(len(data)) {
					t.Fatalf("no place in a file of %d bytes: %v", len(data), err)
				}
				return
			}
			again := mustChunk(t, h, recs, footer.End)
			_, got, f2, err := readAll(again)
			if err != nil {
				t.Fatal(err)
			}
			if err := diffRecords(got, recs); err != nil {
				t.Fatal(err)
			}
			footer.Stats.Raw, footer.Index, f2.Stats.Raw, f2.Index = 0, nil, 0, nil
			if !reflect.DeepEqual(footer, f2) {
				t.Fatalf("footers %+v and %+v", footer, f2)
			}
		}
		check(file)
		if len(content) == 0 {
			return
		}
		// The footer that fits, if content is records.
		var r Record
		var footer Footer
		index := [][]byte{}
		for off := 0; off < len(content); {
			n, err := DecodeRecord(content[off:], &r)
			if err != nil {
				break
			}
			if off == 0 {
				index = append(index, bytes.Clone(r.Key))
			}
			footer.Stats.count(&r, n)
			off += n
		}
		footer.Index = index
		if r.Part&PartLast == 0 {
			footer.Open, footer.End = true, r.Key
		}
		for version := Version1; version <= Version2; version++ {
			end, err := footer.marshal(version)
			if err != nil {
				t.Fatal(err)
			}
			for _, typ := range Types {
				check(rawChunk(goodHeaderOf(version, typ), content, end))
			}
		}
		check(rawChunk(content))
	})
}

// FuzzHeader holds the decoding of headers and footers to the library's.
func FuzzHeader(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		var h, hl Header
		if err := decodeHeader(data, &h); err == nil {
			if err := msgpack.Unmarshal(data, &hl); err != nil || !reflect.DeepEqual(h, hl) {
				t.Fatalf("read %+v, the library %+v, %v", h, hl, err)
			}
		}
		for version := Version1; version <= Version2; version++ {
			var ft, fl Footer
			if err := decodeFooter(data, version, &ft); err == nil {
				var counts struct {
					Stats struct {
						Deleted int64 `msgpack:"deleted"`
					} `msgpack:"stats"`
				}
				err := errors.Join(msgpack.Unmarshal(data, &fl), msgpack.Unmarshal(data, &counts))
				if fl.Stats.Deleted = counts.Stats.Deleted; err != nil || !reflect.DeepEqual(ft, fl) {
					t.Fatalf("read %+v, the library %+v, %v", ft, fl, err)
				}
			}
		}
		c := cursor{buf: data}
		c.skip()
		dec := msgpack.NewDecoder(bytes.NewReader(data))
		if err := dec.Skip(); (err == nil) && c.err != nil && len(data) < 1000 {
			t.Fatalf("the library skips what skip refuses: %v", c.err)
		}
	})
}

// FuzzManifest reads data as it is, and with a good seal.
func FuzzManifest(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, data := range [][]byte{data, resealed(data)} {
			if m, err := ParseManifest(data); err == nil {
				again, err := m.Marshal()
				if err != nil {
					t.Fatal(err)
				}
				m2, err := ParseManifest(again)
				if err != nil {
					t.Fatal(err)
				}
				if a2, err := m2.Marshal(); err != nil || !bytes.Equal(again, a2) {
					t.Fatalf("not stable: %v", err)
				}
			} else if e := wantCorrupt(err, ManifestName, len(data)); e != nil {
				t.Fatal(e)
			}
			if in, err := ParseInfo(data); err == nil {
				if _, err := in.Marshal(); err != nil {
					t.Fatal(err)
				}
			} else if e := wantCorrupt(err, InfoName, len(data)); e != nil {
				t.Fatal(e)
			}
		}
	})
}

var fuzzTargets = []string{"FuzzRecord", "FuzzMsgpackLibrary", "FuzzChunk", "FuzzHeader", "FuzzManifest"}

// TestSeeds fails where a fuzz target has no seeds: go test would then run nothing
// and be content. With -update it writes them.
func TestSeeds(t *testing.T) {
	if *update {
		writeSeeds(t)
	}
	for _, name := range fuzzTargets {
		if files, err := filepath.Glob(filepath.Join("testdata", "fuzz", name, "*")); err != nil || len(files) == 0 {
			t.Errorf("%s has no seeds, %v", name, err)
		}
	}
}

func writeSeeds(t *testing.T) {
	seed := func(target, name string, values ...any) {
		dir := filepath.Join("testdata", "fuzz", target)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		text := "go test fuzz v1\n"
		for _, v := range values {
			switch v := v.(type) {
			case []byte:
				text += "[]byte(" + strconv.Quote(string(v)) + ")\n"
			case uint8:
				text += fmt.Sprintf("byte(%d)\n", v)
			default:
				text += fmt.Sprintf("%T(%v)\n", v, v)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, "seed-"+name), b(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, typ := range Types {
		var content []byte
		for i, r := range sampleRecords(typ) {
			data := AppendRecord(nil, &r)
			content = append(content, data...)
			seed("FuzzRecord", fmt.Sprintf("%s-%d", typ, i), data)
		}
		seed("FuzzChunk", string(typ), mustChunk(t, testHeader(typ), sampleRecords(typ), nil), content)
	}
	var content []byte
	for _, r := range sampleDelta(TypeHash) {
		content = AppendRecord(content, &r)
	}
	seed("FuzzChunk", "delta", mustChunk(t, deltaHeader(TypeHash), sampleDelta(TypeHash), nil), content)
	seed("FuzzRecord", "deleted", b("\x92\x10\xc4\x01k"))
	seed("FuzzChunk", "empty", mustChunk(t, testHeader(TypeSet), nil, nil), []byte{})
	seed("FuzzMsgpackLibrary", "deleted", uint8(7), int64(0), uint8(3), uint64(0), b("\x03key"))
	for kind := range uint8(7) {
		seed("FuzzMsgpackLibrary", Kind(kind+1).String(), kind, int64(1)<<(8*kind), uint8(3), uint64(0x7ff8dead0000beef), b("\x03key\x00\x01\xff\x02\r\n\x01\x00"))
	}
	seed("FuzzHeader", "header", goodHeader(TypeHash))
	seed("FuzzHeader", "footer", goodFooter(Stats{3, 2, 3, 1, 99, 0}, "a", "b"))
	seed("FuzzHeader", "version2", mapOf("magic", Magic, "version", 2, "news", []any{1.5, "x", nil, true, -1, map[string]any{"a": []byte("b")}}))
	seed("FuzzHeader", "types", b("\xdc\x00\x16\xd9\x01a\xda\x00\x01a\xdb\x00\x00\x00\x01a\xc5\x00\x01a\xc6\x00\x00\x00\x01a\xc7\x01\x05a\xc8\x00\x01\x05a"+
		"\xc9\x00\x00\x00\x01\x05a\xca1234\xcb12345678\xcc1\xcd12\xce1234\xcf12345678\xd01\xd112\xd21234\xd312345678\xd451\xd85"+
		"0123456789abcdef\xdd\x00\x00\x00\x01\xc0\xde\x00\x01\xa1k\xdf\x00\x00\x00\x01\xa1k\xff"))
	seed("FuzzHeader", "footer-delta", mustMarshal(t, &Footer{Stats: Stats{3, 2, 3, 1, 99, 1}, Skipped: []SkippedKey{}, Index: bs("a", "b")}, Version2))
	m, d := testManifest(t), testDelta(t)
	for name, v := range map[string]any{"manifest": m, "info": &m.Info, "delta": d, "delta-info": &d.Info} {
		data, err := seal(v)
		if err != nil {
			t.Fatal(err)
		}
		seed("FuzzManifest", name, data[:len(data)-sealSize])
		seed("FuzzManifest", name+"-sealed", data)
	}
}
