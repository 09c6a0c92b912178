package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// How much of a load that is done is looked for. A target that was emptied at any instant lacks the first keys of each chunk
// that was begun before.
const (
	lookedChunks  = 256
	lookedKeys    = 1024
	recordsOfThat = 1024 // of a chunk, that are read where --match chooses few
)

// sample returns keys from all over a load that is done, most of them of what is loaded first. What was left out is listed, or no
// keys of such units are taken.
func (r *remainder) sample(a *archive.Archive, units []archive.Unit, chunks int, listed bool) (keys []loadedKey, err error) {
	units = slices.Clone(units)
	byStored(units)
	var all []archive.Unit
	for _, u := range units {
		if !listed && r.j.Unit(u[0].Name).Position().Stats.Left() > 0 {
			continue
		}
		for i := range u {
			all = append(all, u[i:i+1])
		}
	}
	n := min(len(all), chunks)
	for i := range n {
		some, err := r.keys(a, all[i+(len(all)-n)*i*i/(n*n)], recordsOfThat, lookedKeys/n, 0)
		if err != nil {
			return nil, err
		}
		keys = append(keys, some...)
	}
	return keys, nil
}

// vanished says how many of the keys are not on the target, though the load has written them and they have not expired; empty: none.
// List opens what was left out; nil: no key of that is among them.
func (r *remainder) vanished(ctx context.Context, keys []loadedKey, list func() (io.ReadCloser, error)) (why string, err error) {
	slices.SortStableFunc(keys, func(x, y loadedKey) int { return cmp.Compare(x.db, y.db) })
	var gone []loadedKey
	for rest := keys; len(rest) > 0; {
		n := slices.IndexFunc(rest, func(k loadedKey) bool { return k.db != rest[0].db })
		if n < 0 {
			n = len(rest)
		}
		v := r.l.NewVisitor(rest[0].db, r.again)
		for some := range slices.Chunk(rest[:n], lookAt) {
			lacks, err := r.gone(ctx, v, some)
			if err != nil {
				return "", errors.Join(fmt.Errorf("look for keys that were loaded: %w (all was sent: run again with --resume)", err), v.Close())
			}
			gone = append(gone, lacks...)
		}
		if err := v.Close(); err != nil {
			return "", err
		}
		rest = rest[n:]
	}
	if len(gone) > 0 && list != nil {
		if gone, err = notListed(gone, list); err != nil {
			return "", err
		}
	}
	if len(gone) == 0 {
		return "", nil
	}
	return fmt.Sprintf("%d of %s that were loaded are not on the target %s: it may have been emptied, restored or replaced meanwhile, or others have deleted them",
		len(gone), progress.Plural(len(keys), "sampled key", "sampled keys"), r.l.Target().Addr), nil
}

// notListed takes away the keys that are listed as left out.
func notListed(gone []loadedKey, list func() (io.ReadCloser, error)) ([]loadedKey, error) {
	f, err := list()
	if err != nil {
		return nil, fmt.Errorf("read the report of what was left out: %w", err)
	}
	defer f.Close()
	dec := json.NewDecoder(bufio.NewReader(f))
	for {
		var line leftOutLine
		if err := dec.Decode(&line); err == io.EOF {
			return gone, nil
		} else if err != nil {
			return nil, fmt.Errorf("read the report of what was left out: %w", err)
		}
		gone = slices.DeleteFunc(gone, func(k loadedKey) bool { return k.db == line.DB && string(k.source) == string(line.Key) })
	}
}

// readable returns how the report is read; nil if it was not kept.
func (r *leftOutReport) readable() func() (io.ReadCloser, error) {
	if info, err := os.Stat(r.path); r.store == nil && (err != nil || !info.Mode().IsRegular()) {
		return nil
	}
	return r.read
}

// lookBack looks for keys of a load that is done, and notes in the journal that some are gone.
func (r *remainder) lookBack(ctx context.Context, feed *archive.Feed, passed *passedKeys, list *leftOutReport) error {
	var left func() (io.ReadCloser, error)
	if r.j.Stats().Left() > 0 {
		left = list.readable()
	}
	keys, err := passed.keys, error(nil)
	if a := feed.Archive(); r.o.in != stdin && feed.Finished() {
		keys, err = r.sample(a, take(r.o.share, r.o.units(a)), lookedChunks, left != nil)
	}
	if err != nil {
		return err
	}
	why, err := r.vanished(ctx, keys, left)
	if err != nil || why == "" {
		return err
	}
	return r.j.BeUnsure(why)
}

// passedKeys are a sample of a dump that can be read only once, from all over what has passed. The zero value has none.
type passedKeys struct {
	mu    sync.Mutex
	seen  int
	every int // of how many units keys are taken of one; 0: 1
	keys  []loadedKey
}

// take takes keys of a unit that is done.
func (p *passedKeys) take(r *remainder, a *archive.Archive, u archive.Unit, ju *journal.Unit) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.every = max(1, p.every)
	if p.seen++; (p.seen-1)%p.every != 0 || ju.Position().Stats.Left() > 0 {
		return nil
	}
	keys, err := r.keys(a, u, recordsOfThat, lookedKeys/lookedChunks, 0)
	if p.keys = append(p.keys, keys...); len(p.keys) > lookedKeys {
		half := p.keys[:0]
		for i := 0; i < len(p.keys); i += 2 {
			half = append(half, p.keys[i])
		}
		p.keys, p.every = half, 2*p.every
	}
	return err
}
