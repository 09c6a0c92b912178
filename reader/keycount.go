package reader

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/retry"
)

// countBound is how long the source may take to count its keys.
const countBound = 10 * time.Minute

// A KeyCount is how many keys of a type the source counts in a database, those with an expiry too
// (SERVERS.md P15).
type KeyCount struct{ Keys, Expires int64 }

// KeyCounts is a count of a database by type. Types that the source does not count are not there.
type KeyCounts map[format.Type]KeyCount

var countPattern = regexp.MustCompile(`(?m)^db\d+ (\w+)_keys=(\d+), expires=(\d+)`)

// infoTypes are the types in INFO rocksdb, and as words with a capital in INFO keyspace.
var infoTypes = map[string]format.Type{"strings": format.TypeString, "hashes": format.TypeHash, "lists": format.TypeList,
	"sets": format.TypeSet, "zsets": format.TypeZset, "streams": format.TypeStream}

// lastCount reads the last count of a database; with start it orders a new one, which walks over
// all keys in the background. A source that does not count now gives a ReplyError.
func (c *conn) lastCount(ctx context.Context, db int, start bool) (counts KeyCounts, running bool, err error) {
	flag := 0
	if start {
		flag = 1
	}
	p := c.do(ctx, "INFO", "keyspace", flag, fmt.Sprintf("db%d", db))
	text := p.Bulk()
	counts = KeyCounts{}
	for _, m := range countPattern.FindAllSubmatch(text, -1) {
		keys, err1 := strconv.ParseInt(string(m[2]), 10, 64)
		expires, err2 := strconv.ParseInt(string(m[3]), 10, 64)
		if t, ok := infoTypes[strings.ToLower(string(m[1]))]; ok && err1 == nil && err2 == nil {
			counts[t] = KeyCount{keys, expires}
		}
	}
	if len(counts) == 0 {
		return nil, false, p.Odd("no count of keys")
	}
	return counts, strings.Contains(string(text), "# Duration: In "), nil
}

// A databaseCount is one that StartCounts has ordered.
type databaseCount struct {
	done   chan struct{} // closed when the others are set
	counts KeyCounts
	err    error
}

// StartCounts has the source count its keys, database after database, until ctx ends. It is
// called once, before the first Scan, which then uses the count for streams.
func (s *session) StartCounts(ctx context.Context, dbs []int) {
	s.counts = map[int]*databaseCount{}
	for _, db := range dbs {
		s.counts[db] = &databaseCount{done: make(chan struct{})}
	}
	go func() {
		for _, db := range dbs {
			d := s.counts[db]
			d.counts, d.err = s.Count(ctx, db)
			close(d.done)
		}
	}()
}

// Counted waits for the count of a database that StartCounts ordered.
func (s *session) Counted(ctx context.Context, db int) (KeyCounts, error) {
	d := s.counts[db]
	select {
	case <-d.done:
		return d.counts, d.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Count has the source count the keys of a database now.
func (s *session) Count(ctx context.Context, db int) (KeyCounts, error) {
	c, err := s.dial(ctx, 0)
	if err != nil {
		return nil, err
	}
	defer c.close()
	if _, err := s.o.Pacer.Wait(ctx); err != nil {
		return nil, err
	}
	return c.freshCount(ctx, db)
}

// Counts reports whether the version counts keys by database and type.
func (s *ServerInfo) Counts() bool { return s.version.atLeast(3, 1, 0) }

// streams returns the streams of a count that ended with err; -1 if it cannot be told.
func (n KeyCounts) streams(err error) (int64, error) {
	if errors.As(err, new(*ReplyError)) || errors.Is(err, ErrStillCounting) {
		return -1, nil
	}
	if c, ok := n[format.TypeStream]; ok || err != nil {
		return c.Keys, err
	}
	return -1, nil
}

// ErrStillCounting: the source did not end its count in time.
var ErrStillCounting = errors.New("the source is still counting")

func (c *conn) freshCount(ctx context.Context, db int) (KeyCounts, error) {
	if _, err := c.counted(ctx, db); err != nil { // what runs already began too early
		return nil, err
	}
	if _, _, err := c.lastCount(ctx, db, true); err != nil {
		return nil, err
	}
	return c.counted(ctx, db)
}

// counted waits for the end of a count.
func (c *conn) counted(ctx context.Context, db int) (KeyCounts, error) {
	for waited := time.Duration(0); waited < countBound; {
		counts, running, err := c.lastCount(ctx, db, false)
		if err != nil || !running {
			return counts, err
		}
		delay := min(10*time.Millisecond+waited/8, 2*time.Second) // a dump that is done may wait for it
		if err := retry.Sleep(ctx, delay); err != nil {
			return nil, err
		}
		waited += delay
	}
	return nil, ErrStillCounting
}
