// Package checkdump reads a whole dump, or each delta of a chain, and finds what is not as it was
// written:
//
//	err := checkdump.Run(ctx, checkdump.Options{Location: dir, NewMeter: …, Summary: s, Log: os.Stderr})
//
// It never writes to the dump, and needs no server.
package checkdump

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"filippo.io/age"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/logging"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

// ErrDamaged: files were found that are not as they were written.
var ErrDamaged = exitcode.New(exitcode.Corrupt, "the dump is damaged")

// Options say what is checked. All are needed but Identities.
type Options struct {
	Location   string         // of a dump, full or a delta, or of a chain
	Identities []age.Identity // without them, an encrypted dump is checked from outside
	NewMeter   func() (*progress.Meter, error)
	Summary    *summary.Summary
	Log        io.Writer // is told of each file that is damaged, or no part of the dump

	listed int // files of the dump that is looked at
}

// Run checks all of it. The error is ErrDamaged if a file is not as it was written.
func Run(ctx context.Context, o Options) error {
	chain, err := archive.IsChain(ctx, o.Location)
	if err == nil && chain {
		return o.chain(ctx)
	}
	s := o.Summary
	var m *format.Manifest
	if err := damage(o.dump(ctx, o.Location, func(a *archive.Archive) {
		m = a.Manifest
		logging.SetDump(o.Log, m.Dump)
		s.Of(m, a.Path())
	})); err != nil {
		return err
	}
	if m == nil {
		s.Sealed = true
		s.Note("encrypted: every file is there and as written; what is inside was not looked at, which needs --identity FILE")
		return nil
	}
	s.NotePartial(m.Options)
	if d := m.Delta; d != nil {
		s.Note(report.Delta(d))
	}
	s.Hold(m.Totals)
	s.Finished = true
	return nil
}

// chain checks that the deltas follow one another, and each of them.
func (o *Options) chain(ctx context.Context) error {
	s := o.Summary
	s.Chain = &summary.Chain{Place: summary.Place(o.Location), LagSeconds: -1}
	members, err := archive.Chain(ctx, o.Location, o.Identities...)
	outside := len(o.Identities) == 0 && errors.Is(err, encryption.ErrIdentity)
	if outside {
		members, err = archive.Locations(ctx, o.Location)
	}
	if err != nil {
		return err
	}
	var all format.Manifest
	damaged, plain := 0, 0
	for _, m := range members {
		bad, err := o.dump(ctx, m.Location, func(a *archive.Archive) {
			all.Chunks = append(all.Chunks, a.Manifest.Chunks...)
			if m.Info.Delta = a.Manifest.Delta; outside { // among encrypted ones
				plain++
				s.Written, s.Stored = s.Written+o.listed, s.Stored+archive.Unit(a.Manifest.Chunks).Stored()
			}
		})
		if errors.Is(err, archive.ErrIncomplete) && m.Number == len(members) {
			s.Note(fmt.Sprintf("delta %d is not finished: pikadump makes it anew, or resumes it", m.Number))
			break
		}
		if err != nil {
			return err
		}
		damaged += bad
		s.Chain.Number, s.Chain.Deltas = m.Number, s.Chain.Deltas+1
		s.Chain.Until, s.Chain.Last = time.Time{}, false
		if d := m.Info.Delta; d != nil {
			s.Dump.ID, s.Chain.Until, s.Chain.Last = d.Base, d.Until, d.Last
		}
	}
	if s.Sealed = outside; outside {
		which := "encrypted"
		if plain > 0 {
			which = fmt.Sprintf("encrypted, but for %s", progress.Plural(plain, "delta", "deltas"))
		}
		if damaged == 0 {
			which += ": every file is there and as written"
		}
		s.Note(which + "; what is inside, and whether the deltas follow one another, was not looked at, which needs --identity FILE")
	} else {
		all.SumUp()
		s.Hold(all.Totals)
		s.Below(&all)
		s.Note("the base was not looked at: kvload check of it does")
	}
	s.Finished = true
	return damage(damaged, nil)
}

// dump checks a dump, and returns how many files are damaged. One that can be looked into is handed
// to begin before.
func (o *Options) dump(ctx context.Context, location string, begin func(*archive.Archive)) (int, error) {
	if err := o.nameForeign(ctx, location); err != nil { // what is wrong with the place, the next says
		return 0, err
	}
	bad, inside, err := o.files(ctx, location)
	if err != nil || bad > 0 || !inside {
		return bad, err
	}
	a, err := archive.OpenAny(ctx, location, 0, o.Identities...)
	if err != nil {
		return 0, err
	}
	defer a.Close()
	begin(a)
	return o.inside(ctx, a)
}

// inside checks all that is in a dump, and returns how many files are damaged.
func (o *Options) inside(ctx context.Context, a *archive.Archive) (int, error) {
	meter, err := o.NewMeter()
	if err != nil {
		return 0, err
	}
	defer meter.Begin("check", 1)()
	part := func(ci format.ChunkInfo) *progress.Counter {
		return meter.Part(progress.Name{DB: ci.DB, Type: string(ci.Type)})
	}
	for _, ci := range a.Manifest.Chunks {
		part(ci).Expect(ci.Size)
	}
	return a.Check(ctx, func(ci format.ChunkInfo) {
		part(ci).Add(ci.Keys, ci.Raw, ci.Size)
		part(ci).UnitDone()
		part(ci).AddElements(ci.Elements)
		meter.Chunk(1)
	}, o.failed)
}

// foreignNamed is how many files that are no part of the dump are named.
const foreignNamed = 5

// nameForeign names what lies beside the files of a dump, and is ignored (FORMAT.md §6).
func (o *Options) nameForeign(ctx context.Context, location string) error {
	dir, err := storage.Open(ctx, location)
	if err != nil {
		return nil // archive.Open says so as well
	}
	names, err := dir.List()
	if err != nil {
		return err
	}
	all := len(names)
	names = slices.DeleteFunc(names, func(n string) bool {
		return n == format.InventoryName || format.IsFileName(strings.TrimSuffix(n, format.EncryptedSuffix))
	})
	if o.listed = all - len(names); len(names) == 0 {
		return nil
	}
	named := strings.Join(names[:min(len(names), foreignNamed)], ", ")
	if more := len(names) - foreignNamed; more > 0 {
		named += fmt.Sprintf(" and %s more", progress.Count(int64(more)))
	}
	fmt.Fprintf(o.Log, "no part of the dump, and ignored: %s\n", named)
	return nil
}

// files checks the files of an encrypted dump from outside, and returns how many are damaged, and
// whether the dump can be looked into.
func (o *Options) files(ctx context.Context, location string) (bad int, inside bool, err error) {
	dir, err := storage.Open(ctx, location)
	if err != nil {
		return 0, true, nil // archive.Open says so as well
	}
	in, err := encryption.ReadInventory(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if encryption.IsEncrypted(dir) {
			return 0, false, fmt.Errorf("%w in %s: it is encrypted and has no %s, so pikadump did not finish it, or it was lost", archive.ErrIncomplete, location, format.InventoryName)
		}
		return 0, true, nil
	}
	if err != nil {
		return 0, false, err
	}
	meter, err := o.NewMeter()
	if err != nil {
		return 0, false, err
	}
	defer meter.Begin("check files", 1)()
	whole := meter.Part(progress.Name{})
	for _, f := range in.Files {
		whole.Expect(f.Size)
	}
	bad, err = encryption.Check(ctx, dir, in, func(f format.File) {
		whole.Add(0, f.Size, f.Size)
		whole.UnitDone()
	}, o.failed)
	if len(o.Identities) == 0 {
		o.Summary.Written += len(in.Files)
		for _, f := range in.Files {
			o.Summary.Stored += f.Size
			if db, _, _, err := format.ParseChunkName(strings.TrimSuffix(f.Name, format.EncryptedSuffix)); err == nil {
				o.Summary.Below(&format.Manifest{Totals: []format.Total{{DB: db, Stats: format.Stats{Keys: 1}}}})
			}
		}
	}
	return bad, len(o.Identities) > 0, err
}

// failed says that a file is damaged.
func (o *Options) failed(err error) { fmt.Fprintln(o.Log, err) }

func damage(bad int, err error) error {
	if err != nil || bad == 0 {
		return err
	}
	return fmt.Errorf("%w: %s not as written; fetch again from where the dump came, or dump again", ErrDamaged, progress.Plural(bad, "file is", "files are"))
}
