package dump

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// Open connects to a source. An error says what is wrong with the address or the credentials.
func Open(ctx context.Context, o reader.Options) (*reader.Scanner, error) {
	s, err := reader.Open(ctx, o)
	var reply *reader.ReplyError
	switch {
	case err == nil:
		return s, nil
	case !errors.As(err, &reply):
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("%w; a server that closes the connection at once may want TLS (--tls), or be no Pika, or a proxy such as twemproxy: then give the address of each Pika behind it", err)
		}
	case errors.Is(err, reader.ErrAuth), errors.Is(err, reader.ErrRefused), errors.Is(err, reader.ErrUnavailable):
	default:
		err = fmt.Errorf("%w: %w; if this is a proxy, such as Codis, give the address of each Pika behind it", reader.ErrRefused, err)
	}
	return nil, err
}

// CountRetries has the retries of a reader counted.
func CountRetries(o *reader.Options, m *progress.Meter, sum *summary.Summary) {
	say := o.Retrying
	o.Retrying = func(err error, wait time.Duration) {
		m.Retried(err, wait)
		sum.Retried()
		if say != nil {
			say(err, wait)
		}
	}
}

// Observe tells a Meter how a source fares, until ctx ends. That it does not tell ends nothing.
func Observe(ctx context.Context, m *progress.Meter, s *reader.Scanner) {
	ob := s.Observer()
	defer ob.Close()
	m.Watch(ctx, progress.Source, s.Source().Address, func(ctx context.Context) (progress.Load, error) {
		h, err := ob.Health(ctx)
		return progress.Load{Ops: h.Ops, CPUSeconds: h.CPUSeconds, Memory: h.Memory, Disk: h.Disk, Stalls: -1, Notes: h.Notes}, err
	})
}

// Warnings returns what to know of a source before it is read, with its cache off or as it is.
func Warnings(s *reader.Scanner, cacheOff bool) []string {
	texts, src := []string{}, s.Source()
	if src.Replica() {
		texts = append(texts, "the source is a replica: what it has not received yet is not in the dump")
		if src.Link != "" && src.Link != "up" {
			texts = append(texts, "its link to the master is "+src.Link+": it may be far behind")
		}
		if !src.ManyTypes() {
			texts = append(texts, "replicas of Pika 4.0 lose keys that were set with SETEX or PEXPIRE (upstream issue 3117): dump the master")
		}
	}
	if warning := CacheWarning(src); warning != "" && !cacheOff {
		texts = append(texts, warning)
	}
	return append(texts, s.Warnings()...)
}

// CacheWarning returns what to know of a source whose cache is on; else nothing.
func CacheWarning(src *reader.ServerInfo) string {
	if src.CacheModel == "" || src.CacheModel == "0" {
		return ""
	}
	return "the source's own cache is on (cache-model " + src.CacheModel + "): " +
		"under LRANGE and TTL of many keys Pikas have hung or crashed; use --source-cache-off"
}

// Unselected returns a warning of databases that hold keys and are not among those selected, for
// what: a dump, or a plan. There is none where all are selected, or the others are empty.
func Unselected(ctx context.Context, s *reader.Scanner, selected []int, what string) []string {
	var others, texts []string
	for db := range s.Source().Databases {
		if slices.Contains(selected, db) {
			continue
		}
		has, err := s.HasKeys(ctx, db)
		switch {
		case err != nil:
			texts = append(texts, fmt.Sprintf("whether db%d holds keys cannot be told: %v", db, err))
		case has:
			others = append(others, fmt.Sprintf("db%d", db))
		}
	}
	if len(others) > 0 {
		texts = append(texts, fmt.Sprintf("keys in %s are not in this %s, because of --db or the number in --uri", strings.Join(others, ", "), what))
	}
	return texts
}
