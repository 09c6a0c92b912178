package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
)

// codecTypeBytes is how much of the records of each type is encoded.
const codecTypeBytes = 64 << 20

// A codecReport is what the codec role prints. Speeds are MB of records per CPU second.
type codecReport struct {
	Records        int64
	Raw, Stored    int64 // bytes of records, and of chunk files
	Encode, Decode float64
	LibraryEncode  float64 // the same bytes by the zstd library alone, in frames as large as a chunk's
	LibraryDecode  float64
	EncodeAllocs   float64 // per record
	DecodeAllocs   float64
}

// A codecType is the records of one type.
type codecType struct {
	header format.Header
	raw    []byte
	recs   []format.Record
}

// codec is the role that times the format on the records of a dump, and writes them to RAW: DUMP
// RAW ROUNDS.
func codec(ctx context.Context, args []string) error {
	runtime.GOMAXPROCS(1)
	rounds, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	c, err := format.NewCodec(format.Fastest, 1)
	if err != nil {
		return err
	}
	var r codecReport
	files, types, err := gather(ctx, &r, c, args[0], args[1])
	if err != nil {
		return err
	}
	for range rounds {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		records := int64(0)
		r.best(&r.Decode, &r.DecodeAllocs, r.Raw, r.Records, func() {
			for _, f := range files {
				err = decodeChunk(f, c, func(*format.Record) {})
			}
		})
		encoded := int64(0)
		for _, t := range types {
			encoded += int64(len(t.raw))
			records += int64(len(t.recs))
		}
		r.best(&r.Encode, &r.EncodeAllocs, encoded, records, func() {
			for _, t := range types {
				err = t.encode(c)
			}
		})
		if err != nil {
			return err
		}
		if err := r.library(types, encoded); err != nil {
			return err
		}
	}
	return json.NewEncoder(os.Stdout).Encode(&r)
}

// best runs f and keeps the best speed, and the allocations per record of that run.
func (r *codecReport) best(speed, allocs *float64, size, records int64, f func()) {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := cpuTime()
	f()
	took := cpuTime() - start
	runtime.ReadMemStats(&after)
	if s := float64(size) / 1e6 / took.Seconds(); s > *speed {
		*speed = s
		if allocs != nil {
			*allocs = float64(after.Mallocs-before.Mallocs) / float64(records)
		}
	}
}

// cpuTime is what this process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (r *codecReport) library(types []*codecType, size int64) error {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer dec.Close()
	var frames [][]byte
	var out []byte
	r.best(&r.LibraryEncode, nil, size, 0, func() {
		for _, t := range types {
			for off := 0; off < len(t.raw); off += format.FrameTarget {
				out = enc.EncodeAll(t.raw[off:min(len(t.raw), off+format.FrameTarget)], out[:0])
				frames = append(frames, bytes.Clone(out))
			}
		}
	})
	r.best(&r.LibraryDecode, nil, size, 0, func() {
		for _, f := range frames {
			if out, err = dec.DecodeAll(f, out[:0]); err != nil {
				return
			}
		}
	})
	return err
}

// gather reads the chunks of a dump, writes all records to the file raw, and keeps some of each
// type.
func gather(ctx context.Context, r *codecReport, c *format.Codec, dump, raw string) (files [][]byte, types []*codecType, err error) {
	a, err := archive.Open(ctx, dump, 1)
	if err != nil {
		return nil, nil, err
	}
	defer a.Close()
	f, err := os.Create(raw)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	byType := map[format.Type]*codecType{}
	var buf []byte
	for _, chunk := range a.Manifest.Chunks {
		data, err := os.ReadFile(filepath.Join(dump, filepath.FromSlash(chunk.Name)))
		if err != nil {
			return nil, nil, err
		}
		files = append(files, data)
		r.Stored += int64(len(data))
		t := byType[chunk.Type]
		if t == nil {
			t = &codecType{header: format.Header{Dump: a.Manifest.Dump, DB: chunk.DB, Type: chunk.Type, Number: 1, Writer: a.Manifest.Tool}}
			byType[chunk.Type] = t
			types = append(types, t)
		}
		err = decodeChunk(data, c, func(rec *format.Record) {
			buf = format.AppendRecord(buf[:0], rec)
			r.Records++
			r.Raw += int64(len(buf))
			w.Write(buf) // Flush reports it
			if len(t.raw) < codecTypeBytes {
				t.raw = append(t.raw, buf...)
			}
		})
		if err != nil {
			return nil, nil, err
		}
	}
	for _, t := range types {
		for off := 0; off < len(t.raw); {
			var rec format.Record
			n, err := format.DecodeRecord(t.raw[off:], &rec)
			if err != nil {
				return nil, nil, err
			}
			t.recs = append(t.recs, rec)
			off += n
		}
	}
	return files, types, w.Flush()
}

func decodeChunk(data []byte, c *format.Codec, each func(*format.Record)) error {
	cr, err := format.NewChunkReader(bytes.NewReader(data), c, "chunk")
	var rec format.Record
	for err == nil {
		if err = cr.Next(&rec); err == nil {
			each(&rec)
		}
	}
	if err == io.EOF {
		return nil
	}
	return err
}

// encode writes a chunk of the records to nowhere.
func (t *codecType) encode(c *format.Codec) error {
	cw, err := format.NewChunkWriter(io.Discard, c, t.header)
	for i := range t.recs {
		if err != nil {
			return err
		}
		err = cw.Write(&t.recs[i])
	}
	if err != nil {
		return err
	}
	var end []byte
	if key, open := cw.Open(); open { // the cut fell into a large key
		end = key
	}
	_, err = cw.Close(end)
	return err
}
