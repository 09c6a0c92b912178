package format

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
)

// benchRecords returns n strings whose records have about 120 bytes.
func benchRecords(n int) (recs []Record, raw []byte) {
	rnd := rand.New(rand.NewPCG(7, 8))
	for i := range n {
		r := Record{Kind: String, Key: fmt.Appendf(nil, "user:%010d", i), Part: PartWhole}
		r.Value = fmt.Appendf(nil, `{"id":%d,"name":"%x","visits":%d,"mail":"%x@example.org"}`, i, rnd.Uint64(), rnd.IntN(1000), rnd.Uint64())
		if i%4 == 0 {
			r.Expire = 1893456000000 + int64(rnd.IntN(1<<30))
		}
		recs, raw = append(recs, r), AppendRecord(raw, &r)
	}
	return recs, raw
}

const benchCount = 100000

func BenchmarkEncode(b *testing.B) {
	recs, raw := benchRecords(benchCount)
	b.Run("records", func(b *testing.B) {
		b.SetBytes(int64(len(raw)))
		b.ReportAllocs()
		for b.Loop() {
			cw, err := NewChunkWriter(io.Discard, testCodec, testHeader(TypeString))
			for i := range recs {
				if err == nil {
					err = cw.Write(&recs[i])
				}
			}
			if err == nil {
				_, err = cw.Close(nil)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*benchCount), "ns/record")
	})
	b.Run("zstd", func(b *testing.B) { // the same bytes in frames of the same size
		b.SetBytes(int64(len(raw)))
		b.ReportAllocs()
		var z []byte
		for b.Loop() {
			for off := 0; off < len(raw); off += FrameTarget {
				z = testCodec.encode(raw[off:min(len(raw), off+FrameTarget)], z)
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	recs, raw := benchRecords(benchCount)
	b.Run("records", func(b *testing.B) {
		data := mustChunk(b, testHeader(TypeString), recs, nil)
		b.SetBytes(int64(len(raw)))
		b.ReportAllocs()
		for b.Loop() {
			cr, err := NewChunkReader(bytes.NewReader(data), testCodec, "bench")
			var r Record
			for err == nil {
				err = cr.Next(&r)
			}
			if err != io.EOF {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*benchCount), "ns/record")
		b.ReportMetric(float64(len(raw))/float64(len(data)), "ratio")
	})
	b.Run("zstd", func(b *testing.B) {
		var frames [][]byte
		for off := 0; off < len(raw); off += FrameTarget {
			frames = append(frames, testCodec.encode(raw[off:min(len(raw), off+FrameTarget)], nil))
		}
		b.SetBytes(int64(len(raw)))
		b.ReportAllocs()
		var out []byte
		for b.Loop() {
			for _, z := range frames {
				var err error
				if out, err = testCodec.dec.DecodeAll(z, out[:0]); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}
