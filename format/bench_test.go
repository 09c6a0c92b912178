package format

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// A benchSet is records of one type, and the same as they stand in frames.
type benchSet struct {
	header Header
	recs   []Record
	raw    []byte
}

const (
	benchCount = 100_000  // records that are made
	benchBytes = 64 << 20 // of a dump, of each database and type
)

// benchSets returns the records of the dump that BENCH_DUMP names, as docs/PERFORMANCE.md has them;
// without it strings whose records have about 120 bytes.
func benchSets(b *testing.B) (sets []*benchSet) {
	dir := os.Getenv("BENCH_DUMP")
	if dir == "" {
		set := &benchSet{header: testHeader(TypeString)}
		rnd := rand.New(rand.NewPCG(7, 8))
		for i := range benchCount {
			r := Record{Kind: String, Key: fmt.Appendf(nil, "user:%010d", i), Part: PartWhole}
			r.Value = fmt.Appendf(nil, `{"id":%d,"name":"%x","visits":%d,"mail":"%x@example.org"}`, i, rnd.Uint64(), rnd.IntN(1000), rnd.Uint64())
			if i%4 == 0 {
				r.Expire = 1893456000000 + int64(rnd.IntN(1<<30))
			}
			set.recs, set.raw = append(set.recs, r), AppendRecord(set.raw, &r)
		}
		return []*benchSet{set}
	}
	m, err := ParseManifest(benchFile(b, dir, ManifestName))
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range m.Chunks { // by database and type
		h := Header{Dump: m.Dump, DB: c.DB, Type: c.Type, Number: 1, Writer: m.Tool}
		if n := len(sets); n == 0 || sets[n-1].header.DB != h.DB || sets[n-1].header.Type != h.Type {
			sets = append(sets, &benchSet{header: h})
		}
		if set := sets[len(sets)-1]; len(set.raw) < benchBytes {
			benchDecode(b, benchFile(b, dir, c.Name), func(r *Record) { set.raw = AppendRecord(set.raw, r) })
		}
	}
	for _, set := range sets {
		for off := 0; off < len(set.raw); {
			var r Record
			n, err := DecodeRecord(set.raw[off:], &r)
			if err != nil {
				b.Fatal(err)
			}
			set.recs, off = append(set.recs, r), off+n
		}
	}
	return sets
}

func benchFile(b *testing.B, dir, name string) []byte {
	data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
	if err != nil {
		b.Fatal(err)
	}
	return data
}

func benchDecode(b *testing.B, chunk []byte, each func(*Record)) {
	cr, err := NewChunkReader(bytes.NewReader(chunk), testCodec, "bench")
	var r Record
	for err == nil {
		if err = cr.Next(&r); err == nil {
			each(&r)
		}
	}
	if err != io.EOF {
		b.Fatal(err)
	}
}

// chunk writes the records as a chunk.
func (s *benchSet) chunk(b *testing.B, w io.Writer) {
	cw, err := NewChunkWriter(w, testCodec, s.header)
	for i := range s.recs {
		if err == nil {
			err = cw.Write(&s.recs[i])
		}
	}
	if err != nil {
		b.Fatal(err)
	}
	var end []byte
	if key, open := cw.Open(); open { // not all of a large key is among them
		end = key
	}
	if _, err := cw.Close(end); err != nil {
		b.Fatal(err)
	}
}

// frames calls do with the bytes of the records in frames of the usual size.
func (s *benchSet) frames(do func([]byte)) {
	for off := 0; off < len(s.raw); off += FrameTarget {
		do(s.raw[off:min(len(s.raw), off+FrameTarget)])
	}
}

// benchRun runs do for all sets, and reports what it makes of the bytes of their records.
func benchRun(b *testing.B, name string, sets []*benchSet, do func(*benchSet)) {
	b.Run(name, func(b *testing.B) {
		records := 0
		size := int64(0)
		for _, s := range sets {
			records, size = records+len(s.recs), size+int64(len(s.raw))
		}
		b.SetBytes(size)
		b.ReportAllocs()
		for b.Loop() {
			for _, s := range sets {
				do(s)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*records), "ns/record")
	})
}

func BenchmarkEncode(b *testing.B) {
	sets := benchSets(b)
	benchRun(b, "records", sets, func(s *benchSet) { s.chunk(b, io.Discard) })
	var z []byte
	benchRun(b, "zstd", sets, func(s *benchSet) {
		s.frames(func(frame []byte) { z = testCodec.encode(frame, z) })
	})
}

func BenchmarkDecode(b *testing.B) {
	sets := benchSets(b)
	chunks, frames := map[*benchSet][]byte{}, map[*benchSet][][]byte{}
	for _, s := range sets {
		var chunk bytes.Buffer
		s.chunk(b, &chunk)
		chunks[s] = chunk.Bytes()
		s.frames(func(frame []byte) { frames[s] = append(frames[s], testCodec.encode(frame, nil)) })
	}
	benchRun(b, "records", sets, func(s *benchSet) { benchDecode(b, chunks[s], func(*Record) {}) })
	var out []byte
	benchRun(b, "zstd", sets, func(s *benchSet) {
		for _, z := range frames[s] {
			var err error
			if out, err = testCodec.dec.DecodeAll(z, out[:0]); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkCommand has the zstd command, where there is one, time level 1 on the same bytes, and
// reports how many times its size ours is.
func BenchmarkCommand(b *testing.B) {
	if _, err := exec.LookPath("zstd"); err != nil {
		b.Skip("NO zstd IS INSTALLED")
	}
	var raw, ours bytes.Buffer
	for _, s := range benchSets(b) {
		s.chunk(b, &ours)
		raw.Write(s.raw)
	}
	file := filepath.Join(b.TempDir(), "records")
	if err := os.WriteFile(file, raw.Bytes(), 0o600); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		out, err := exec.Command("zstd", "-b1", "-e1", "-i2", "-T1", file).CombinedOutput()
		all := benchLine.FindAllSubmatch(out, -1)
		if err != nil || all == nil {
			b.Fatalf("zstd -b1: %v: %s", err, out)
		}
		for i, unit := range []string{"bytes", "encode-MB/s", "decode-MB/s"} {
			n, err := strconv.ParseFloat(string(all[len(all)-1][1+i]), 64)
			if err != nil {
				b.Fatal(err)
			}
			if i == 0 {
				n, unit = float64(ours.Len())/n, "ours÷size"
			}
			b.ReportMetric(n, unit)
		}
	}
}

// benchLine is what zstd -b prints: 1#records : 1000 -> 500 (x2.000), 400.0 MB/s, 1200.0 MB/s.
var benchLine = regexp.MustCompile(`: *\d+ -> *(\d+) \(.*?\), *([\d.]+) MB/s,? *([\d.]+) MB/s`)
