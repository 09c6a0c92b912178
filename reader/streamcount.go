package reader

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// countBound is how long the source may take to count its keys.
const countBound = 10 * time.Minute

// A streamCount is what INFO keyspace says of the streams of a database (SERVERS.md P15).
type streamCount struct {
	running bool // it is counting at the moment
	streams int64
}

var streamPattern = regexp.MustCompile(`(?m)^db\d+ Streams_keys=(\d+)`)

// streamCount reads the last count of streams in a database; with start it orders a new one, which
// walks over all keys in the background. A source that does not count now gives a
// ReplyError.
func (c *conn) streamCount(ctx context.Context, db int, start bool) (streamCount, error) {
	flag := 0
	if start {
		flag = 1
	}
	p, err := c.do(ctx, "INFO", "keyspace", flag, fmt.Sprintf("db%d", db))
	if err != nil {
		return streamCount{}, err
	}
	text, err := p.bulk()
	if err != nil {
		return streamCount{}, err
	}
	m := streamPattern.FindSubmatch(text)
	if m == nil {
		return streamCount{}, &ReplyError{p.asked(), "no count of streams"}
	}
	n, _ := strconv.ParseInt(string(m[1]), 10, 64)
	return streamCount{strings.Contains(string(text), "# Duration: In "), n}, nil
}

// countedNone reports whether a count that began now found no streams in the database. On 4.0 that is
// what to ask first: to list them walks over all keys within one command. An older count
// proves nothing, except that there are some.
func (c *conn) countedNone(ctx context.Context, db int) (bool, error) {
	none, err := c.countStreams(ctx, db)
	var re *ReplyError
	if errors.As(err, &re) || errors.Is(err, errStillCounting) {
		return false, nil // it cannot be told: they are listed
	}
	return none, err
}

var errStillCounting = errors.New("the source is still counting")

func (c *conn) countStreams(ctx context.Context, db int) (bool, error) {
	before, err := c.counted(ctx, db)
	if err != nil || before.streams > 0 {
		return false, err
	}
	if _, err := c.streamCount(ctx, db, true); err != nil {
		return false, err
	}
	now, err := c.counted(ctx, db)
	return err == nil && now.streams == 0, err
}

// counted waits for the end of a count.
func (c *conn) counted(ctx context.Context, db int) (streamCount, error) {
	delay := 10 * time.Millisecond
	for waited := time.Duration(0); waited < countBound; waited += delay {
		n, err := c.streamCount(ctx, db, false)
		if err != nil || !n.running {
			return n, err
		}
		if err := pause(ctx, delay); err != nil {
			return n, err
		}
		delay = min(2*delay, 2*time.Second)
	}
	return streamCount{}, errStillCounting
}
