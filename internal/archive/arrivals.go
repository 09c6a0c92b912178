package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"

	"filippo.io/age"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/retry"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// How often a dump that is being made is looked at, and how often it is said that nothing comes.
const (
	pollLeast = 200 * time.Millisecond
	pollMost  = 5 * time.Second
	sayEvery  = time.Minute
)

// Follow returns the feed of a dump that may still be being made. Say is told what it waits for.
func Follow(ctx context.Context, location string, threads int, say func(string), identities ...age.Identity) (*Feed, error) {
	f := &following{say: say, seen: map[string]bool{}, quiet: pollMost} // the first wait is said at once
	dir, err := openStore(ctx, location)
	for errors.Is(err, fs.ErrNotExist) { // no directory yet
		if err = f.wait(ctx, "for the dump in "+location+" to begin, where nothing is yet"); err == nil {
			dir, err = openStore(ctx, location)
		}
	}
	if err != nil {
		return nil, err
	}
	f.dir = dir
	for {
		names, err := f.list()
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(names, func(n string) bool { return n == format.InfoName || n == format.InfoName+format.EncryptedSuffix }) {
			break
		}
		if begun, err := isBegun(dir, deltaDir(1)+"/"); err != nil || begun {
			return nil, cmp.Or(err, fmt.Errorf("%w: %s is a chain of deltas, and this command takes a full dump: kvload follow loads the chain behind its base", ErrDelta, dir.Path("")))
		}
		if err := f.wait(ctx, "for the dump in "+dir.Path("")+" to begin"); err != nil {
			return nil, err
		}
	}
	if f.dir, err = encryption.Open(dir, identities); err != nil {
		return nil, fmt.Errorf("open dump: %w", err)
	}
	f.quiet = 0
	return NewFeed(f.dir, threads, f)
}

// following are the Arrivals of a dump that another program makes.
type following struct {
	dir   storage.Store
	say   func(string)
	seen  map[string]bool
	pause time.Duration
	quiet time.Duration // since something came, or since it was said that nothing did
	said  bool
}

func (f *following) list() ([]string, error) {
	names, err := f.dir.List()
	if err != nil {
		return nil, fmt.Errorf("look for more of the dump: %w", err)
	}
	return names, nil
}

// Next looks for chunks until there are some that were not there before.
func (f *following) Next(ctx context.Context) ([]string, error) {
	for {
		names, err := f.list()
		if err != nil {
			return nil, err
		}
		if slices.Contains(names, format.ManifestName) {
			return nil, io.EOF
		}
		var fresh []string
		for _, n := range names {
			if _, _, _, err := format.ParseChunkName(n); err == nil && !f.seen[n] {
				f.seen[n] = true
				fresh = append(fresh, n)
			}
		}
		if len(fresh) > 0 {
			f.pause, f.quiet, f.said = 0, 0, false
			return fresh, nil
		}
		if err := f.wait(ctx, "for the dump in "+f.dir.Path("")+" to go on"); err != nil {
			return nil, err
		}
	}
}

// wait waits a little, longer each time.
func (f *following) wait(ctx context.Context, what string) error {
	f.pause = min(pollMost, max(pollLeast, f.pause*3/2))
	if f.quiet += f.pause; !f.said && f.quiet > pollMost || f.quiet > sayEvery {
		f.said, f.quiet = true, 0
		f.say("waiting " + what + "; if pikadump was stopped, resume it with --resume")
	}
	return retry.Sleep(ctx, f.pause)
}
