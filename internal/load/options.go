package load

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/pace"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// Options say what Run loads, and how.
type Options struct {
	Spec

	Follow bool      // the dump may still be being made
	Stdin  io.Reader // of loadstate.Stream
	Spool  string    // where what has come of a stream waits to be loaded

	DryRun           bool           // make the checks, and write nothing
	Accept           []string       // checks that only warn where they would refuse
	CreateNamespaces bool           // that MapDB names
	Namespaces       map[int]string // names of those, by database; not named: dbN

	Method       Method
	BaseLoaded   bool          // the target holds what a delta follows, though no journal says so
	Resume       bool          // a load that was stopped
	Undo         string        // where what is overwritten is saved first; empty: nowhere
	Tool         string        // that says in Undo who has made it
	Report       string        // file for what is left out; empty: beside the journal
	Checkpoint   time.Duration // how often the journal is written
	MaxErrors    int           // end when the target has refused more than this; negative: never
	StallTimeout time.Duration // end when nothing moves for so long; 0: never

	Limits pace.Limits
	Tune   bool // change settings of the target for the load

	// Verify compares the target with the dump when the load is done; nil: it is not compared.
	// LeftOut opens what was left out; nil: nothing was.
	Verify func(ctx context.Context, s Spec, a *archive.Archive, rules *rewrite.Rules, leftOut func() (io.ReadCloser, error), log io.Writer) error

	// Certain says that an earlier load of this run has seen that the target holds what a delta
	// follows. Shared says that loads into other targets, or of other deltas, count in the same
	// Meter, whose phase has begun. Chained says that the run of a chain resumes it without Resume.
	Certain, Shared, Chained bool
}

// run is the run at hand.
func (o *Options) run() loadstate.Run {
	return loadstate.Run{Location: o.Location(), Resume: o.Resume, MustBeEmpty: o.Target.OnExists == writer.Fail, Undo: o.Undo}
}

// isStream reports whether the dump can be read only once.
func (o *Options) isStream() bool { return o.Dump == loadstate.Stream }

// namespace is the name of the namespace that CreateNamespaces makes for a database.
func (o *Options) namespace(db int) string {
	if name := o.Namespaces[db]; name != "" {
		return name
	}
	return fmt.Sprintf("db%d", db)
}
