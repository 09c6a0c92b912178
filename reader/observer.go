package reader

import (
	"context"
	"maps"
	"strconv"
	"time"
)

// Health is how a source fares, by its own INFO. What is -1 it does not tell.
type Health struct {
	Ops        float64 // per second
	CPUSeconds float64 // since its start
	Memory     int64   // of memtables, table readers and caches
	Disk       int64   // bytes of the data
	Notes      []string
}

// A lazyConn is a connection for one observer. It is made when it is first asked for, and again
// after a failure.
type lazyConn struct {
	s *Scanner
	c *conn // nil: there is none
}

func (l *lazyConn) connect(ctx context.Context) (err error) {
	if l.c == nil {
		l.c, err = l.s.dial(ctx, 0)
	}
	return err
}

// Close closes the connection.
func (l *lazyConn) Close() {
	if l.c != nil {
		l.c.close()
		l.c = nil
	}
}

// An Observer asks the source how it fares, over a connection of its own. It is not safe for
// concurrent use.
type Observer struct{ lazyConn }

// Observer returns an Observer. It connects when it is first asked, and again after a failure.
func (s *Scanner) Observer() *Observer { return &Observer{lazyConn{s: s}} }

// Look asks once. The context that connects ends the connection as well.
func (o *Observer) Look(ctx context.Context) (Health, error) {
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

// A Pinger measures how fast the source answers, over a connection of its own. It is not safe
// for concurrent use.
type Pinger struct{ lazyConn }

// Pinger returns a Pinger. It connects when it is first asked, and again after a failure.
func (s *Scanner) Pinger() *Pinger { return &Pinger{lazyConn{s: s}} }

// Ping returns how long the source took to answer. The context that connects ends
// the connection as well.
func (p *Pinger) Ping(ctx context.Context) (time.Duration, error) {
	if err := p.connect(ctx); err != nil {
		return 0, err
	}
	for {
		start := time.Now()
		r := p.c.doOnce(ctx, "PING")
		took := time.Since(start)
		err := r.Status()
		if err == nil {
			return took, nil
		}
		if err = p.c.retry(ctx, err); err != nil {
			p.Close()
			return 0, err
		}
	}
}
