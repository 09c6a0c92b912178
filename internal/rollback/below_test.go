package rollback

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
)

// edit changes the journal of a load.
func (l *loaded) edit(t *testing.T, dump string, do ...func(*journal.Journal) error) {
	t.Helper()
	o := l.o
	o.Dump = dump
	at := o.Location()
	j, err := at.OpenJournal(t.Context(), at.Root(nil), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range do {
		err = errors.Join(err, f(j))
	}
	if err := errors.Join(err, j.Close()); err != nil {
		t.Fatal(err)
	}
}

func endUndo(j *journal.Journal) error { return j.EndUndo(0) }

// refused undoes a load, or clears, and wants that to be refused, and the command that helps.
func (l *loaded) refused(t *testing.T, dump, says, next string) {
	t.Helper()
	o := l.o
	o.Dump, o.Behind, o.Summary = dump, -1, summary.New("test", "", "rollback")
	err := Undo(t.Context(), o, io.Discard)
	if load.ExitCode(err) != exitcode.Refused || !strings.Contains(err.Error(), says) || strings.Join(o.Summary.Instead, " ") != next {
		t.Errorf("%v, want %q; then %q, want %q", err, says, o.Summary.Instead, next)
	}
}

// TestClearBelow: who clears a target undoes the deltas that were loaded behind, also after a
// rollback of these that was killed: nothing of them is put back, and other ones may follow.
func TestClearBelow(t *testing.T) {
	for name, before := range map[string]func(base *loaded, chain Options){
		"loaded": func(*loaded, Options) {},
		"undone in part": func(base *loaded, chain Options) {
			runChain(t, chain, 2, 0, "loaded up to delta 2")
			base.edit(t, archive.DeltaPath(chain.Dump, 2), (*journal.Journal).BeginUndo)
		},
	} {
		t.Run(name, func(t *testing.T) {
			base, chain := loadChain(t, 1)
			before(base, chain)
			if err := Clear(t.Context(), base.o, io.Discard); err != nil {
				t.Fatal(err)
			}
			runChain(t, chain, 0, 0, "nothing was undone")
			base.holds(t, "")
			one := *base
			one.o.Base, one.o.Dump = base.o.Dump, archive.DeltaPath(chain.Dump, 1)
			anew := smalldump.Make(t, smalldump.Options{}, []format.Record{smalldump.String("b", "1")})
			if err := errors.Join(os.RemoveAll(base.o.Dump), os.Rename(anew, base.o.Dump)); err != nil {
				t.Fatal(err)
			}
			for n := 1; n <= 3; n++ { // the states of their loads stay
				if err := os.RemoveAll(archive.DeltaPath(chain.Dump, n)); err != nil {
					t.Fatal(err)
				}
			}
			smalldump.Delta(t, one.o.Dump, base.o.Dump, []format.Record{smalldump.String("b", "2")})
			if err := errors.Join(base.load(t, false), one.load(t, true)); err != nil {
				t.Fatal(err)
			}
			base.holds(t, "b")
		})
	}
}

// TestClearStopped: while a target is being cleared that deltas are loaded into, none of them is
// put back, nor once it is cleared: journals of builds before 2026-11-29 say that they are loaded.
func TestClearStopped(t *testing.T) {
	base, chain := loadChain(t, 1)
	last, clear := archive.DeltaPath(chain.Dump, 3), "kvload rollback --in "+base.o.Dump+" --flush"
	base.edit(t, base.o.Dump, (*journal.Journal).BeginUndo)
	base.refused(t, chain.Dump, "is being undone", clear)
	base.refused(t, last, "is being undone", clear)
	base.refused(t, base.o.Dump, "give --flush", clear)
	base.edit(t, base.o.Dump, endUndo)
	base.FlushAll()
	base.refused(t, chain.Dump, "the load was undone on", "")
	base.refused(t, last, "the load was undone on", "")
	base.holds(t, "")
}

// TestBaseAnew: deltas that were loaded behind a base are undone no more when that was loaded anew.
func TestBaseAnew(t *testing.T) {
	base, chain := loadChain(t, 1)
	base.FlushAll()
	if err := base.load(t, false); err != nil {
		t.Fatal(err)
	}
	runChain(t, chain, 0, 0, "nothing was undone")
	base.refused(t, archive.DeltaPath(chain.Dump, 3), "was loaded anew since", "")
	base.holds(t, "a gone")
}

// TestJournalLost: a journal that is lost below a delta is none that says how the base is.
func TestJournalLost(t *testing.T) {
	base, chain := loadChain(t, 1)
	o := base.o
	o.Dump = archive.DeltaPath(chain.Dump, 2)
	at := o.Location()
	if err := os.RemoveAll(at.Root(nil)); err != nil {
		t.Fatal(err)
	}
	runChain(t, chain, 2, 0, "")
	base.holds(t, "a k1 k2")
}
