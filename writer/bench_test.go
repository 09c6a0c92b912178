package writer

import (
	"bytes"
	"context"
	"io"
	"os"
	"strconv"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// BenchmarkLoad measures a worker against a server that costs next to nothing.
func BenchmarkLoad(b *testing.B) {
	addr := os.Getenv("BENCH_ADDR")
	if addr == "" {
		b.Skip("set BENCH_ADDR to a server whose keys may be overwritten")
	}
	for _, expire := range []int64{0, farFuture} {
		b.Run(strconv.FormatInt(expire, 10), func(b *testing.B) {
			l, err := Open(context.Background(), Options{Target: target.Options{Addr: addr}, OnExists: Replace})
			if err != nil {
				b.Fatal(err)
			}
			w, err := l.NewWorker(context.Background(), 0)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			if err := w.Load(context.Background(), Job{Source: &counted{n: b.N, expire: expire}}); err != nil {
				b.Fatal(err)
			}
			_ = w.Close()
		})
	}
}

// counted is a Source of n strings of about 110 bytes.
type counted struct {
	n, i   int
	expire int64
	r      format.Record
}

func (s *counted) Next() (*format.Record, error) {
	if s.i == s.n {
		return nil, io.EOF
	}
	s.i++
	s.r.Kind, s.r.Part, s.r.Expire = format.String, format.PartWhole, s.expire
	s.r.Key = strconv.AppendInt(append(s.r.Key[:0], "key:"...), int64(s.i), 10)
	if s.r.Value == nil {
		s.r.Value = bytes.Repeat([]byte("v"), 100)
	}
	return &s.r, nil
}
