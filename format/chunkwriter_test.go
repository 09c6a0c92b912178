package format

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestChunkWriterRefuses(t *testing.T) {
	str := func(key string, part Part) Record { return Record{Kind: String, Key: b(key), Part: part} }
	state := &StreamState{}
	tests := []struct {
		name  string
		typ   Type
		start string
		recs  []Record // the last is refused
		want  string
	}{
		{"order", TypeString, "", []Record{str("b", 3), str("a", 3)}, "does not come after"},
		{"same key", TypeString, "", []Record{str("b", 3), str("b", 3)}, "does not come after"},
		{"before start", TypeString, "b", []Record{str("a", 3)}, "before the chunk's range"},
		{"no first part", TypeString, "", []Record{str("a", 2)}, "no first part"},
		{"no last part", TypeString, "", []Record{str("a", 1), str("b", 3)}, "before the last part"},
		{"first part twice", TypeString, "", []Record{str("a", 1), str("a", 1)}, "before the last part"},
		{"whole inside parts", TypeString, "", []Record{str("a", 1), str("a", 3)}, "before the last part"},
		{"part bits", TypeString, "", []Record{str("a", 4)}, "unknown part bits"},
		{"expiry of parts", TypeString, "", []Record{str("a", 1), {Kind: String, Key: b("a"), Part: 2, Expire: 1}}, "differ"},
		{"negative expiry", TypeString, "", []Record{{Kind: String, Part: 3, Expire: -1}}, "before 1970"},
		{"kind of another type", TypeHash, "", []Record{str("a", 3)}, "string record in a chunk of type hash"},
		{"hyperloglog in a set", TypeSet, "", []Record{{Kind: HyperLogLog, Part: 3}}, "in a chunk of type set"},
		{"hyperloglog in parts", TypeString, "", []Record{{Kind: HyperLogLog, Part: 1}}, "hyperloglog in parts"},
		{"kind of parts", TypeString, "", []Record{str("a", 1), {Kind: HyperLogLog, Key: b("a"), Part: 3}}, "before the last part"},
		{"kind 0", TypeString, "", []Record{{Part: 3}}, "unknown record kind"},
		{"deleted", TypeString, "", []Record{{Kind: Deleted, Part: 3}}, "unknown record kind"},
		{"half a field", TypeHash, "", []Record{{Kind: Hash, Part: 3, Elems: bs("f")}}, "no value"},
		{"missing score", TypeZset, "", []Record{{Kind: Zset, Part: 3, Elems: bs("m")}}, "1 members and 0 scores"},
		{"no state", TypeStream, "", []Record{{Kind: Stream, Part: 3}}, "stream state"},
		{"state too early", TypeStream, "", []Record{{Kind: Stream, Part: 1, State: state}}, "stream state"},
		{"half an entry", TypeStream, "", []Record{{Kind: Stream, Part: 3, State: state, Entries: []Entry{{Fields: bs("f")}}}}, "no value"},
		{"elements", TypeList, "", []Record{{Kind: List, Part: 3, Elems: make([][]byte, MaxElements+1)}}, "above the limit"},
		{"members", TypeZset, "", []Record{{Kind: Zset, Part: 3, Elems: make([][]byte, MaxElements/2+1), Scores: make([]float64, MaxElements/2+1)}}, "above the limit"},
		{"entries", TypeStream, "", []Record{{Kind: Stream, Part: 3, State: state, Entries: make([]Entry, MaxElements+1)}}, "above the limit"},
		{"long key", TypeString, "", []Record{{Kind: String, Part: 3, Key: make([]byte, MaxBulk+1)}}, "above the limit"},
		{"long value", TypeString, "", []Record{{Kind: String, Part: 3, Value: make([]byte, MaxBulk+1)}}, "above the limit"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := testHeader(tt.typ)
			h.Start = b(tt.start)
			cw, err := NewChunkWriter(io.Discard, testCodec, h)
			if err != nil {
				t.Fatal(err)
			}
			for i := range tt.recs {
				if err = cw.Write(&tt.recs[i]); err != nil && i < len(tt.recs)-1 {
					t.Fatal(err)
				}
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want …%s…", err, tt.want)
			}
			if _, err := cw.Close(nil); err == nil {
				t.Error("closed after an error")
			}
		})
	}
}

func TestChunkWriterRefusesHeader(t *testing.T) {
	for name, edit := range map[string]func(h *Header){
		"dump id":  func(h *Header) { h.Dump = "0123456789ABCDEF0123456789abcdef" },
		"newline":  func(h *Header) { h.Dump += "\n" },
		"type":     func(h *Header) { h.Type = "json" },
		"database": func(h *Header) { h.DB = MaxDatabase + 1 },
		"number":   func(h *Header) { h.Number = -1 },
		"start":    func(h *Header) { h.Start = make([]byte, MaxBulk+2) },
	} {
		h := testHeader(TypeSet)
		edit(&h)
		if _, err := NewChunkWriter(io.Discard, testCodec, h); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestChunkWriterEnd(t *testing.T) {
	const none = "none"
	rec := func(part Part) *Record { return &Record{Kind: String, Key: b("k"), Part: part} }
	tests := []struct {
		name      string
		start     string
		continues bool
		rec       *Record
		end       string
		want      string
	}{
		{"to the last key", "", false, rec(3), none, ""},
		{"behind the last record", "", false, rec(3), "k\x00", ""},
		{"at the last record", "", false, rec(3), "k", "lies behind the end"},
		{"before the last record", "", false, rec(3), "j", "lies behind the end"},
		{"open", "", false, rec(1), "k", ""},
		{"open, no end", "", false, rec(1), none, "left open"},
		{"open, other end", "", false, rec(1), "l", "left open"},
		{"open from the start", "k", false, rec(1), "k", ""},
		{"continued and closed", "k", true, rec(2), "l", ""},
		{"continued and open", "k", true, rec(0), "k", ""},
		{"continued, not whole", "k", true, rec(3), "", "before the last part"},
		{"continued, closed at its key", "k", true, rec(2), "k", "lies behind the end"},
		{"continued, no record", "k", true, nil, "k", ""},
		{"continued, no record, other end", "k", true, nil, "l", "left open"},
		{"no record", "k", false, nil, "l", ""},
		{"empty range", "k", false, nil, "k", "the range is empty"},
		{"empty range at the start", "", false, nil, "", "the range is empty"},
		{"backwards", "k", false, nil, "j", "ends before it starts"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var buf bytes.Buffer
			h := testHeader(TypeString)
			h.Start, h.Continues = b(tt.start), tt.continues
			cw, err := NewChunkWriter(&buf, testCodec, h)
			if err != nil {
				t.Fatal(err)
			}
			if tt.rec != nil {
				err = cw.Write(tt.rec)
			}
			end := b(tt.end)
			if tt.end == none {
				end = nil
			}
			if err == nil {
				_, err = cw.Close(end)
			}
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Fatalf("got %v, want …%s…", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, _, f, err := readAll(buf.Bytes()); err != nil || !bytes.Equal(f.End, end) || (f.End == nil) != (end == nil) {
				t.Fatalf("read back: end %q, %v", f.End, err)
			}
			if _, err := OpenChunk(bytes.NewReader(buf.Bytes()), int64(buf.Len()), testCodec, "x"); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestChunkWriterClosed(t *testing.T) {
	cw, err := NewChunkWriter(io.Discard, testCodec, testHeader(TypeSet))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cw.Close(nil); err != nil {
		t.Fatal(err)
	}
	if err := cw.Write(&sampleRecords(TypeSet)[0]); err == nil {
		t.Error("wrote to a closed chunk")
	}
	if _, err := cw.Close(nil); err == nil {
		t.Error("closed twice")
	}
}

// limitedWriter fails, or comes back short, after so many bytes.
type limitedWriter struct {
	left int
	err  error
}

func (w *limitedWriter) Write(p []byte) (int, error) {
	n := min(len(p), w.left)
	w.left -= n
	if n < len(p) {
		return n, w.err
	}
	return n, nil
}

func TestChunkWriterReportsEveryFailedWrite(t *testing.T) {
	full := errors.New("no space left on device")
	size := len(mustChunk(t, testHeader(TypeList), sampleRecords(TypeList), nil))
	for _, fail := range []error{full, nil} {
		for n := range size {
			cw, err := NewChunkWriter(&limitedWriter{n, fail}, testCodec, testHeader(TypeList))
			for _, r := range sampleRecords(TypeList) {
				if err == nil {
					err = cw.Write(&r)
				}
			}
			if err == nil {
				_, err = cw.Close(nil)
			}
			if want := fail; err == nil || want != nil && !errors.Is(err, want) || want == nil && !errors.Is(err, io.ErrShortWrite) {
				t.Fatalf("after %d bytes: %v", n, err)
			}
		}
	}
}

// TestLargeRecordHasItsOwnFrame: whatever stands before a large record, its frame
// holds nothing else.
func TestLargeRecordHasItsOwnFrame(t *testing.T) {
	recs := []Record{
		{Kind: String, Key: b("a"), Part: PartWhole, Value: make([]byte, 100)},
		{Kind: String, Key: b("b"), Part: PartWhole, Value: make([]byte, 9<<20)}, // above MaxWindow
		{Kind: String, Key: b("c"), Part: PartWhole},
	}
	data := mustChunk(t, testHeader(TypeString), recs, nil)
	_, got, f, err := readAll(data)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(diffRecords(got, recs), diffBulks(f.Index, bs("a", "b", "c"))); err != nil {
		t.Error(err)
	}
}

func TestChunkWriterFull(t *testing.T) {
	cw, err := NewChunkWriter(io.Discard, testCodec, testHeader(TypeString))
	if err != nil {
		t.Fatal(err)
	}
	r := Record{Kind: String, Part: PartWhole}
	for i := range 16 {
		r.Key = append(bytes.Repeat([]byte{'k'}, FrameTarget), byte(i))
		if cw.Full() != (i > 7) {
			t.Fatalf("Full is %v after %d keys of half a MiB", cw.Full(), i)
		}
		if err := cw.Write(&r); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAllocations: writing and reading a small record allocates nothing.
func TestAllocations(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT with -short: it counts, and has nothing that runs at once")
	}
	var buf bytes.Buffer
	for _, typ := range Types {
		buf.Reset()
		cw, err := NewChunkWriter(&buf, testCodec, testHeader(typ))
		if err != nil {
			t.Fatal(err)
		}
		sample := sampleRecords(typ)[1]
		sample.Part, sample.Key, sample.Expire = PartWhole, make([]byte, 8), 1<<40
		if typ == TypeStream {
			sample.State = &StreamState{}
		}
		const n = 200000
		buf.Grow(n * 40)
		write := func() {
			for i := len(sample.Key) - 1; ; i-- {
				if sample.Key[i]++; sample.Key[i] != 0 {
					break
				}
			}
			if err := cw.Write(&sample); err != nil {
				t.Fatal(err)
			}
		}
		for range n / 2 {
			write()
		}
		if got := testing.AllocsPerRun(n/2-1, write); got != 0 {
			t.Errorf("%s: %v allocations per Write", typ, got)
		}
		if _, err := cw.Close(nil); err != nil {
			t.Fatal(err)
		}
		cr, err := NewChunkReader(&buf, testCodec, "x")
		if err != nil {
			t.Fatal(err)
		}
		var r Record
		next := func() {
			if err := cr.Next(&r); err != nil {
				t.Fatal(err)
			}
		}
		for range n / 2 {
			next()
		}
		if got := testing.AllocsPerRun(n/2-1, next); got != 0 && typ != TypeStream || got > 1 { // a stream's State is one
			t.Errorf("%s: %v allocations per Next", typ, got)
		}
	}
}

// TestDetailOfNoText: what is written as str is UTF-8, whatever a server has put into its reply.
func TestDetailOfNoText(t *testing.T) {
	cw := &ChunkWriter{}
	cw.Skip([]byte("k\xff"), "retyped", "WRONGTYPE, key: k\xff")
	if got := cw.footer.Skipped[0]; got.Detail != "WRONGTYPE, key: k\ufffd" || string(got.Key) != "k\xff" {
		t.Errorf("%q", got)
	}
}

// TestChunkWriterDrop: what was written of a key can be taken back until a frame holds a part of
// it.
func TestChunkWriterDrop(t *testing.T) {
	var out bytes.Buffer
	cw, err := NewChunkWriter(&out, testCodec, testHeader(TypeList))
	if err != nil {
		t.Fatal(err)
	}
	write := func(key string, part Part, elem []byte) {
		t.Helper()
		if err := cw.Write(&Record{Kind: List, Key: b(key), Part: part, Elems: [][]byte{elem}}); err != nil {
			t.Fatal(err)
		}
	}
	drop := func(want bool) {
		t.Helper()
		if cw.Drop() != want {
			t.Errorf("taken back: %v", !want)
		}
	}
	write("a", PartFirst, b("cut")) // the first of the frame
	write("a", 0, b("cut"))
	drop(true)
	drop(false)
	write("a", PartWhole, b("1"))
	drop(false)
	write("b", PartFirst, b("cut"))
	drop(true)
	write("b", PartFirst, b("2"))
	write("b", PartLast, b("3"))
	drop(false)
	write("c", PartFirst, b("4"))
	write("c", 0, make([]byte, FrameTarget)) // a frame of its own, and one before it
	drop(false)
	write("c", PartLast, b("5"))
	if _, err := cw.Close(nil); err != nil {
		t.Fatal(err)
	}
	cr, err := NewChunkReader(&out, testCodec, "chunk")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for {
		var r Record
		if err := cr.Next(&r); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(r.Key)+string(r.Elems[0][:1]))
	}
	if s := strings.Join(got, " "); s != "a1 b2 b3 c4 c\x00 c5" {
		t.Errorf("the chunk holds %q", s)
	}
}
