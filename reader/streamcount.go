package reader

import (
	"context"
	"fmt"
)

// streamsCounted returns a count of the streams that began behind StartCounts, or now; -1 if it
// cannot be told.
func (w *scan) streamsCounted(ctx context.Context) (int64, error) {
	if w.s.counts[w.pass.DB] == nil {
		return w.countStreams(ctx)
	}
	counts, err := w.s.Counted(ctx, w.pass.DB)
	n, err := counts.streams(err)
	if err != nil && ctx.Err() == nil {
		return w.countStreams(ctx)
	}
	if err == nil {
		err = w.c.renew(ctx) // the source may have closed what was silent for so long
	}
	return n, err
}

// countStreams orders a count of the streams in a database, which walks over all keys in the
// background, and returns what it found; -1 if it cannot be told. On 4.0 that is what to ask first:
// to list them walks over all keys within one command.
func (w *scan) countStreams(ctx context.Context) (int64, error) {
	if w.s.o.NoCount {
		return -1, nil
	}
	counts, err := w.c.freshCount(ctx, w.pass.DB)
	return counts.streams(err)
}

// maxListings is how often streams are listed that are fewer than were counted before and after.
const maxListings = 4

// listCounted lists all streams of the database, of which counted were counted just before, and
// holds the list against that. A list has each stream that is there all the time. So one that has
// fewer than were counted before it and after it is not whole, unless some came and others went:
// then another will not be. It returns the names if they came in one reply; otherwise nil.
func (w *scan) listCounted(ctx context.Context, counted int64) ([][]byte, error) {
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
			if after, err = w.countStreams(ctx); err != nil {
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
