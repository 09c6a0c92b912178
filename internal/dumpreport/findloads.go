package dumpreport

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/stats"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

// ErrNoLoad: no load of this dump is known there.
var ErrNoLoad = exitcode.New(exitcode.Refused, "there is no journal of a load of this dump")

// New returns a page about a dump and its loads: those with these states, or if there are none,
// those whose states are beside dump, where it is, or the base of what is shown with its deltas.
func New(ctx context.Context, a *archive.Archive, s *stats.Stats, dump string, states []string) (*Page, error) {
	p := &Page{Stats: s}
	err := p.read(a)
	if err != nil {
		return nil, err
	}
	if p.Loads, err = loads(ctx, dump, s.Dump, states); err != nil {
		return nil, err
	}
	p.DeltaLoads, err = deltaLoads(ctx, a.Deltas(), states)
	return p, err
}

// read takes from a dump what a page shows of it beside its Stats.
func (p *Page) read(a *archive.Archive) error {
	p.Manifest, p.Place, p.Encrypted = a.Manifest, place(a.Path()), a.IsEncrypted()
	for _, d := range a.Deltas() {
		if d.Finished {
			p.Deltas, p.Until = d.Number, d.Info.Delta.Until
		}
	}
	err := a.Conflicts(func(k archive.ConflictKey) error {
		if len(p.Conflicts) < mostNamed {
			p.Conflicts = append(p.Conflicts, k)
		}
		return nil
	})
	if err != nil {
		return err
	}
	examples := map[string]int{}
	return a.Skipped(func(k archive.SkippedKey) error {
		if examples[k.Reason]++; examples[k.Reason] <= mostExamples {
			p.Skipped = append(p.Skipped, k)
		}
		return nil
	})
}

// place returns where a dump is, for people who are elsewhere.
func place(path string) string {
	if whole, err := filepath.Abs(path); err == nil && !storage.IsURL(path) {
		return whole
	}
	return summary.Place(path)
}

// loads returns what is known of the loads of the dump there, which has that id: those with these
// states, of which one may be of a load into several targets; if there are none, those beside it.
func loads(ctx context.Context, dump, id string, states []string) (all []Load, err error) {
	if len(states) == 0 {
		states, err = loadstate.States(ctx, dump, id)
		if err != nil {
			return nil, fmt.Errorf("look for loads beside the dump: %w; say with --state where they are", err)
		}
		return loadsIn(ctx, states, id)
	}
	for _, state := range states {
		found, err := loadsIn(ctx, []string{state}, id)
		if err == nil && len(found) == 0 {
			var below []string
			if below, err = loadstate.Below(ctx, state); err == nil {
				found, err = loadsIn(ctx, below, id)
			}
		}
		if err == nil && len(found) == 0 {
			err = ErrNoLoad
		}
		if err != nil {
			return nil, fmt.Errorf("--state %s: %w", summary.Place(state), err)
		}
		all = append(all, found...)
	}
	return all, nil
}

// loadsIn returns what is known of those loads whose states are of the dump: it may be that in the
// same place there was another dump before.
func loadsIn(ctx context.Context, states []string, id string) (all []Load, err error) {
	for _, state := range states {
		l, err := ReadLoad(ctx, state, id)
		switch {
		case err == nil:
			all = append(all, *l)
		case !errors.Is(err, ErrNoLoad):
			return nil, fmt.Errorf("%s: %w", summary.Place(state), err)
		}
	}
	return all, nil
}

// ReadLoad reads what is known of the load whose state is there: its journals, also while it is at
// work, and comparisons. The error is ErrNoLoad if that is not of the dump.
func ReadLoad(ctx context.Context, state, dump string) (*Load, error) {
	status, err := loadstate.Location{State: state}.Status(ctx, nil)
	if err != nil {
		return nil, err
	}
	if b := status.Identity(); b == nil || b.Dump != dump {
		return nil, ErrNoLoad
	}
	all, err := loadstate.ReadVerifications(ctx, status.Root, dump)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return &Load{Place: summary.Place(status.Root), Status: status, Verifications: all}, nil
}
