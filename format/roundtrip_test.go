package format

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// roundTrip writes recs and compares what Next, and Find for each key, give back.
func roundTrip(t *testing.T, typ Type, recs []Record) {
	t.Helper()
	roundTripOf(t, testHeader(typ), recs)
}

func roundTripOf(t *testing.T, want Header, recs []Record) {
	t.Helper()
	data := mustChunk(t, want, recs, nil)
	h, got, f, err := readAll(data)
	if err != nil {
		t.Fatal(err)
	}
	if err := diffRecords(got, recs); err != nil {
		t.Fatal(err)
	}
	if h.Type != want.Type || h.Dump != want.Dump || h.Version != max(want.Version, Version1) || h.Start == nil || f.End != nil || f.Open {
		t.Errorf("header %+v, footer end %q open %v", h, f.End, f.Open)
	}
	c, err := OpenChunk(bytes.NewReader(data), int64(len(data)), testCodec, "test.mpz")
	if err != nil {
		t.Fatal(err)
	}
	if c.Footer.Stats != f.Stats {
		t.Errorf("OpenChunk counts %+v, ChunkReader %+v", c.Footer.Stats, f.Stats)
	}
	for i := 0; i < len(recs); {
		n := i + 1
		for n < len(recs) && bytes.Equal(recs[n].Key, recs[i].Key) {
			n++
		}
		var found []Record
		if err := c.Find(recs[i].Key, func(r *Record) error { found = append(found, cloneRecord(r)); return nil }); err != nil {
			t.Fatal(err)
		}
		if err := diffRecords(found, recs[i:n]); err != nil {
			t.Fatalf("Find %.40q: %v", recs[i].Key, err)
		}
		i = n
	}
}

func TestRoundTripSamples(t *testing.T) {
	for _, typ := range Types {
		t.Run(string(typ), func(t *testing.T) { roundTrip(t, typ, sampleRecords(typ)) })
	}
}

func TestRoundTripEdgeBytes(t *testing.T) {
	keys := slices.Clone(edges)
	slices.Sort(keys)
	for _, typ := range Types {
		var recs []Record
		for _, key := range keys {
			r := Record{Key: b(key), Part: PartWhole}
			switch typ {
			case TypeString:
				r.Kind, r.Value = String, b(key)
			case TypeHash:
				r.Kind, r.Elems = Hash, bs(append(slices.Clone(edges), edges...)...)
			case TypeList:
				r.Kind, r.Elems = List, bs(edges...)
			case TypeSet:
				r.Kind, r.Elems = Set, bs(edges...)
			case TypeZset:
				r.Kind, r.Elems, r.Scores = Zset, bs(edges...), edgeScores[:len(edges)]
			case TypeStream:
				r.Kind, r.State = Stream, &StreamState{}
				r.Entries = []Entry{{StreamID{0, 1}, bs(edges...)}, {StreamID{math.MaxUint64, math.MaxUint64}, bs(edges...)}}
			}
			recs = append(recs, r)
		}
		t.Run(string(typ), func(t *testing.T) { roundTrip(t, typ, recs) })
	}
}

func TestRoundTripScores(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	r := Record{Kind: Zset, Key: b("z"), Part: PartWhole}
	for i := range 10000 {
		s := math.Float64frombits(rnd.Uint64())
		if i < len(edgeScores) {
			s = edgeScores[i]
		}
		r.Elems, r.Scores = append(r.Elems, fmt.Appendf(nil, "%d", i)), append(r.Scores, s)
	}
	roundTrip(t, TypeZset, []Record{r})
}

// TestRoundTripFrames puts records of all lengths around the frame target next to each
// other.
func TestRoundTripFrames(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	noise := make([]byte, FrameTarget+64)
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	overhead := len(AppendRecord(nil, &Record{Kind: String, Key: b("0000"), Part: PartWhole, Value: noise})) - len(noise)
	var recs []Record
	for _, size := range []int{0, 1, 100, FrameTarget / 2, FrameTarget - 1, FrameTarget, FrameTarget + 1} {
		for _, other := range []int{0, 1, FrameTarget / 2, FrameTarget - size - 1, FrameTarget - size, FrameTarget - size + 1, FrameTarget} {
			for _, n := range []int{size, other} {
				n = max(0, n-overhead)
				key := fmt.Appendf(nil, "%04d", len(recs))
				recs = append(recs, Record{Kind: String, Key: key, Part: PartWhole, Value: noise[:n]})
			}
		}
	}
	roundTrip(t, TypeString, recs)
}

func TestRoundTripArrays(t *testing.T) {
	for _, n := range []int{0, 1, 7, 8, 15, 16, 65535, 65536, MaxElements} {
		if n > 65536 && testing.Short() {
			continue
		}
		elems := make([][]byte, n)
		for i := range elems {
			elems[i] = fmt.Appendf(nil, "%x", i)
		}
		scores := make([]float64, n/2)
		even := elems[:n/2*2]
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			roundTrip(t, TypeList, []Record{{Kind: List, Key: b("k"), Part: PartWhole, Elems: elems}})
			roundTrip(t, TypeHash, []Record{{Kind: Hash, Key: b("k"), Part: PartWhole, Elems: even}})
			roundTrip(t, TypeZset, []Record{{Kind: Zset, Key: b("k"), Part: PartWhole, Elems: elems[:n/2], Scores: scores}})
			s := Record{Kind: Stream, Key: b("k"), Part: PartWhole, State: &StreamState{}, Entries: []Entry{{StreamID{1, 1}, even}}}
			roundTrip(t, TypeStream, []Record{s})
		})
	}
}

// TestRoundTripBins holds the head of a bin to the right length around each width.
func TestRoundTripBins(t *testing.T) {
	data := make([]byte, 1<<16)
	var recs []Record
	for i, n := range []int{0, 1, 31, 32, 255, 256, 65535, 65536} {
		recs = append(recs, Record{Kind: Set, Key: fmt.Appendf(nil, "%d", i), Part: PartWhole, Elems: [][]byte{data[:n]}})
	}
	roundTrip(t, TypeSet, recs)
}

// TestRoundTripParts splits a value of more than 4 MiB, in one chunk and over three.
func TestRoundTripParts(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	value := make([]byte, 4<<20+12345)
	for i := range value {
		value[i] = byte(rnd.Uint32() >> 28)
	}
	recs := []Record{{Kind: String, Key: b("a"), Part: PartWhole}}
	for off := 0; off < len(value); off += 1 << 20 {
		r := Record{Kind: String, Key: b("big"), Value: value[off:min(len(value), off+1<<20)], Expire: 99}
		if off == 0 {
			r.Part |= PartFirst
		}
		if off+1<<20 >= len(value) {
			r.Part |= PartLast
		}
		recs = append(recs, r)
	}
	recs = append(recs, Record{Kind: String, Key: b("c"), Part: PartWhole})
	roundTrip(t, TypeString, recs)

	var chunks []ChunkInfo
	var joined []byte
	var total Stats
	key := b("big")
	for i, c := range []struct {
		recs       []Record
		start, end []byte
	}{{recs[:2], nil, key}, {nil, key, key}, {recs[2:4], key, key}, {recs[4:], key, nil}} {
		h := testHeader(TypeString)
		h.Start, h.Continues, h.Number = c.start, i > 0, i
		data := mustChunk(t, h, c.recs, c.end)
		h, got, f, err := readAll(data)
		if err != nil {
			t.Fatal(err)
		}
		if err := diffRecords(got, c.recs); err != nil {
			t.Fatal(err)
		}
		if f.Open != (i < 3) || !bytes.Equal(f.End, c.end) {
			t.Fatalf("chunk %d: open %v end %q", i, f.Open, f.End)
		}
		for _, r := range got {
			if string(r.Key) == "big" {
				joined = append(joined, r.Value...)
			}
		}
		total.Add(f.Stats)
		sum := sha256.Sum256(data)
		chunks = append(chunks, NewChunkInfo(h, f, int64(len(data)), sum[:]))
	}
	if !bytes.Equal(joined, value) {
		t.Error("the joined value differs")
	}
	if total.Keys != 3 || total.Elements != 3 || total.Expiring != 1 || total.Records != int64(len(recs)) {
		t.Errorf("total %+v", total)
	}
	slices.Reverse(chunks)
	SortChunks(chunks)
	if err := covers(chunks); err != nil {
		t.Error(err)
	}
}

func TestReaderReportsWholeFile(t *testing.T) {
	data := mustChunk(t, testHeader(TypeHash), sampleRecords(TypeHash), nil)
	cr, err := NewChunkReader(io.MultiReader(bytes.NewReader(data[:7]), bytes.NewReader(data[7:])), testCodec, "x")
	if err != nil {
		t.Fatal(err)
	}
	var r Record
	for err == nil {
		err = cr.Next(&r)
	}
	sum := sha256.Sum256(data)
	if err != io.EOF || cr.Size() != int64(len(data)) || !bytes.Equal(cr.SHA256(), sum[:]) {
		t.Errorf("%v, %d of %d bytes, sum %x", err, cr.Size(), len(data), cr.SHA256())
	}
	if err := cr.Next(&r); err != io.EOF {
		t.Errorf("after the end: %v", err)
	}
}
