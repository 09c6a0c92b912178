package reader

import (
	"context"
	"maps"
	"strconv"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// Health is how a source fares, by its own INFO. What is -1 it does not tell.
type Health struct {
	Ops        float64 // per second
	CPUSeconds float64 // since its start
	Memory     int64   // of memtables, table readers and caches
	Disk       int64   // bytes of the data
	Notes      []string
}

// An Observer asks a source about itself, over a connection of its own: it is made when it is first
// needed, and again after a failure, and ends with the context of then. It is not safe for
// concurrent use.
type Observer struct {
	s *Scanner
	c *conn // nil: there is none
}

// Observer returns an Observer, which has not asked anything yet.
func (s *Scanner) Observer() *Observer { return &Observer{s: s} }

func (o *Observer) connect(ctx context.Context) (err error) {
	if o.c == nil {
		o.c, err = o.s.dial(ctx, 0)
	}
	return err
}

// Close closes the connection.
func (o *Observer) Close() {
	if o.c != nil {
		o.c.close()
		o.c = nil
	}
}

// Health asks once how the source fares.
func (o *Observer) Health(ctx context.Context) (Health, error) {
	if err := o.connect(ctx); err != nil {
		return Health{}, err
	}
	info := map[string]string{}
	for _, section := range []string{"data", "stats", "cpu"} {
		fields, err := o.c.info(ctx, section)
		if err != nil {
			o.Close()
			return Health{}, err
		}
		maps.Copy(info, fields)
	}
	h := Health{
		Ops: infoNumber(info["instantaneous_ops_per_sec"]), CPUSeconds: infoNumber(info["used_cpu_sys"]),
		Memory: int64(infoNumber(info["used_memory"])), Disk: int64(infoNumber(info["db_size"])),
	}
	if h.CPUSeconds >= 0 {
		h.CPUSeconds += max(0, infoNumber(info["used_cpu_user"]))
	}
	if n := info["db_fatal"]; n != "" && n != "0" {
		h.Notes = append(h.Notes, "RocksDB reports an error (db_fatal)")
	}
	for _, n := range []struct{ field, text string }{
		{"is_compact", "compacting"}, {"is_bgsaving", "saving (bgsave)"}, {"is_scaning_keyspace", "counting its keys"},
	} {
		if is := info[n.field]; is != "" && is[0] != 'N' {
			h.Notes = append(h.Notes, n.text)
		}
	}
	return h, nil
}

// infoNumber reads a number of INFO; -1: there is none.
func infoNumber(text string) float64 {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f < 0 {
		return -1
	}
	return f
}

// Ping returns how long the source took to answer. It retries as a pass does.
func (o *Observer) Ping(ctx context.Context) (time.Duration, error) {
	if err := o.connect(ctx); err != nil {
		return 0, err
	}
	for {
		start := time.Now()
		r := o.c.doOnce(ctx, "PING")
		took := time.Since(start)
		err := r.Status()
		if err == nil {
			return took, nil
		}
		if err = o.c.retry(ctx, err); err != nil {
			o.Close()
			return 0, err
		}
	}
}

// Binlog returns how far the binlogs of all databases are written, and the source's clock as it was
// before. It retries as a pass does.
func (o *Observer) Binlog(ctx context.Context) (now time.Time, positions []format.BinlogPosition, err error) {
	if err := o.connect(ctx); err != nil {
		return now, nil, err
	}
	ms, err := o.c.time(ctx)
	if err == nil {
		positions, err = o.c.binlogPositions(ctx, o.s.source)
	}
	if err != nil {
		o.Close()
	}
	return time.UnixMilli(ms), positions, err
}
