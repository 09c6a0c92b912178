package dumpreport

import (
	"context"
	"errors"
	"io/fs"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

// ErrNoLoad: no load of this dump is known there.
var ErrNoLoad = exitcode.New(exitcode.Refused, "there is no journal of a load of this dump")

// Read takes from the lists of a dump what a page shows of them, and from what was put above it.
func (p *Page) Read(a *archive.Archive) error {
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

// ReadLoad reads what is known of the load whose state is there: its journals, also while it is at
// work, and comparisons. The error is ErrNoLoad if that is not of the dump.
func ReadLoad(ctx context.Context, state, dump string) (*Load, error) {
	root, shards, err := loadstate.Location{State: state}.Find(ctx, nil)
	if err != nil {
		return nil, err
	}
	status, err := loadstate.ReadStatus(ctx, root, shards)
	if err != nil {
		return nil, err
	}
	if b := status.Identity(); b == nil || b.Dump != dump {
		return nil, ErrNoLoad
	}
	all, err := loadstate.ReadVerifications(ctx, root, dump)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return &Load{Place: summary.Place(root), Status: status, Verifications: all}, nil
}
