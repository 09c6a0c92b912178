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

// countStreams orders a count of the streams in a database, which walks over all keys in the background, and
// returns what it found; -1 if it cannot be told. On 4.0 that is what to ask first: to list them walks over all keys within one
// command.
func (c *conn) countStreams(ctx context.Context, db int) (int64, error) {
	n, err := c.freshCount(ctx, db)
	var re *ReplyError
	if errors.As(err, &re) || errors.Is(err, errStillCounting) {
		return -1, nil
	}
	return n, err
}

var errStillCounting = errors.New("the source is still counting")

func (c *conn) freshCount(ctx context.Context, db int) (int64, error) {
	if _, err := c.counted(ctx, db); err != nil { // what runs already began too early
		return 0, err
	}
	if _, err := c.streamCount(ctx, db, true); err != nil {
		return 0, err
	}
	n, err := c.counted(ctx, db)
	return n.streams, err
}

// maxListings is how often streams are listed that are fewer than were counted before and after.
const maxListings = 4

// listCounted lists all streams of the database, of which counted were counted just before, and holds the list against that.
// A list has each stream that is there all the time. So one that has fewer than were counted before it and after it is
// not whole, unless some came and others went: then another will not be. It returns the names if they came in one reply;
// otherwise nil.
func (w *walk) listCounted(ctx context.Context, counted int64) ([][]byte, error) {
	for try := 1; ; try++ {
		var names [][]byte
		n, lists, unlisted := int64(0), 0, 0
		l := streamList{w: w, whole: true, each: func(some [][]byte) error {
			names, n, lists = some, n+int64(len(some)), lists+1
			return nil
		}, unlisted: func([]byte) error {
			unlisted++
			return nil
		}}
		if err := l.under(ctx, nil); err != nil {
			return nil, err
		}
		after := counted
		if n < counted && unlisted == 0 {
			var err error
			if after, err = w.c.countStreams(ctx, w.pass.DB); err != nil {
				return nil, err
			}
		}
		switch {
		case n < min(counted, after) && unlisted == 0:
			if try == maxListings {
				return nil, fmt.Errorf("%w: the source counts %d streams and then %d, but lists only %d (%d times): try again when no other client sends KEYS, or leave the streams out with --streams off",
					ErrUnavailable, counted, after, n, try)
			}
			counted = after
		case lists == 1 && unlisted == 0:
			return names, nil
		default:
			return nil, nil
		}
	}
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
