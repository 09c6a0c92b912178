package plan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// measure dumps the first keys of the type to nowhere, for the rate and the compression.
func (t *TypeForecast) measure(ctx context.Context, s *reader.Scanner, codec *format.Codec) error {
	if t.Keys == 0 {
		return nil
	}
	cw, err := format.NewChunkWriter(io.Discard, codec, format.Header{Dump: fmt.Sprintf("%032d", 0), DB: t.DB, Type: t.Type})
	if err != nil {
		return err
	}
	defer cw.Wait()
	start := time.Now()
	err = s.Scan(ctx, reader.NewPass(t.DB, t.Type, nil, nil), &measure{cw})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	took := time.Since(start).Seconds()
	end, open := cw.Open()
	if !open {
		end = nil
	}
	footer, err := cw.Close(end)
	if err != nil {
		return err
	}
	if n := footer.Stats.Raw; n > 0 {
		t.Stored = int64(float64(t.Raw) * float64(cw.Size()) / float64(n))
		t.Seconds = took * float64(t.Raw) / float64(n)
	}
	return nil
}

var errEnough = errors.New("enough")

// measure is a reader.Sink.
type measure struct{ cw *format.ChunkWriter }

func (m *measure) Record(r *format.Record) error {
	if err := m.cw.Write(r); err != nil {
		return err
	}
	if s := m.cw.Stats(); s.Keys >= measuredKeys || s.Raw >= measuredBytes {
		return errEnough
	}
	return nil
}

func (m *measure) Skip([]byte, reader.Reason, string) error { return nil }

// Drop ends the measuring where what the chunk holds of a key cannot be taken out again.
func (m *measure) Drop([]byte, reader.Reason) error {
	if !m.cw.Drop() {
		return errEnough
	}
	return nil
}
