package load

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/leftout"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/writer/readback"
)

// How much of a load that is done is looked for. A target that was emptied at any instant lacks the
// first keys of each chunk that was begun before.
const (
	lookedChunks  = 256
	lookedKeys    = 1024
	recordsOfThat = 1024 // of a chunk, that are read where --match chooses few
	lookedAtOnce  = 4    // chunks, of which each needs a frame in memory
)

// sample returns keys from all over a load that is done, most of them of what is loaded first. What
// was left out is listed, or no keys of such units are taken.
func (p *Presence) sample(a *archive.Archive, units []archive.Unit, chunks int, listed bool) (keys []LoadedKey, err error) {
	units = archive.LargestFirst(units)
	var all []archive.Unit
	for _, u := range units {
		if !listed && p.Journal.Unit(u[0].Name).Position().Stats.Left() > 0 {
			continue
		}
		for i := range u {
			all = append(all, u[i:i+1])
		}
	}
	n := min(len(all), chunks)
	found := make([][]LoadedKey, n)
	var g errgroup.Group
	g.SetLimit(lookedAtOnce)
	for i := range n {
		g.Go(func() (err error) {
			found[i], err = p.keys(a, all[i+(len(all)-n)*i*i/(n*n)], recordsOfThat, lookedKeys/n, 0)
			return err
		})
	}
	err = g.Wait()
	return slices.Concat(found...), err
}

// lacks says how many of sampled keys are gone; empty: none.
func (p *Presence) lacks(gone, of int) string {
	if gone == 0 {
		return ""
	}
	return fmt.Sprintf("the target %s lacks %s of %s that were loaded: it may have been emptied, restored or replaced meanwhile, or others have deleted them",
		p.Target.Addr, progress.Count(int64(gone)), progress.Plural(of, "sampled key", "sampled keys"))
}

// missed is lacking, without what deltas that are loaded behind have deleted.
func (p *Presence) missed(ctx context.Context, keys []LoadedKey, list func() (io.ReadCloser, error), log io.Writer) ([]LoadedKey, error) {
	gone, err := p.lacking(ctx, keys, list)
	if err != nil || len(gone) == 0 {
		return nil, err
	}
	behind, err := loadstate.AllBehind(ctx, p.Journal)
	if err == nil {
		gone, _, err = p.notDeleted(ctx, behind, gone, len(keys), log)
	}
	return gone, err
}

// lacking returns which keys are not on the target, though the load has written them and they have
// not expired. List opens what was left out; nil: no key of that is among them.
func (p *Presence) lacking(ctx context.Context, keys []LoadedKey, list func() (io.ReadCloser, error)) (gone []LoadedKey, err error) {
	slices.SortStableFunc(keys, func(x, y LoadedKey) int { return cmp.Compare(x.db, y.db) })
	for rest := keys; len(rest) > 0; {
		n := slices.IndexFunc(rest, func(k LoadedKey) bool { return k.db != rest[0].db })
		if n < 0 {
			n = len(rest)
		}
		v := readback.New(p.Target.Target, rest[0].db, p.retry())
		for some := range slices.Chunk(rest[:n], perLook) {
			lacks, err := p.gone(ctx, v, some)
			if err != nil {
				return nil, errors.Join(fmt.Errorf("look for keys that were loaded: %w (run again with --resume)", err), v.Close())
			}
			gone = append(gone, lacks...)
		}
		if err := v.Close(); err != nil {
			return nil, err
		}
		rest = rest[n:]
	}
	if len(gone) > 0 && list != nil {
		return notListed(gone, list)
	}
	return gone, nil
}

// notListed takes away the keys that are listed as left out.
func notListed(gone []LoadedKey, list func() (io.ReadCloser, error)) ([]LoadedKey, error) {
	f, err := list()
	if f == nil && err == nil {
		return gone, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the report of what was left out: %w", err)
	}
	defer f.Close()
	dec := json.NewDecoder(bufio.NewReader(f))
	for {
		var line leftout.Line
		if err := dec.Decode(&line); err == io.EOF {
			return gone, nil
		} else if err != nil {
			return nil, fmt.Errorf("read the report of what was left out: %w", err)
		}
		gone = slices.DeleteFunc(gone, func(k LoadedKey) bool { return k.db == line.DB && string(k.source) == string(line.Key) })
	}
}

// A PassingSample is a sample, from all over, of a dump that can be read only once.
type PassingSample struct {
	mu    sync.Mutex
	seen  int
	every int // of how many units keys are taken of one; 0: 1
	keys  []LoadedKey
}

// Add takes keys of a unit that is done.
func (s *PassingSample) Add(p *Presence, a *archive.Archive, u archive.Unit) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.every = max(1, s.every)
	if s.seen++; (s.seen-1)%s.every != 0 || p.Journal.Unit(u[0].Name).Position().Stats.Left() > 0 {
		return nil
	}
	keys, err := p.keys(a, u, recordsOfThat, lookedKeys/lookedChunks, 0)
	if s.keys = append(s.keys, keys...); len(s.keys) > lookedKeys {
		half := s.keys[:0]
		for i := 0; i < len(s.keys); i += 2 {
			half = append(half, s.keys[i])
		}
		s.keys, s.every = half, 2*s.every
	}
	return err
}
