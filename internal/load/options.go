package load

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/pace"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// Options say what Run loads, and how.
type Options struct {
	Spec

	Follow bool      // the dump may still be being made
	Stdin  io.Reader // of loadstate.Stream
	Spool  string    // where what has come of a stream waits to be loaded

	DryRun           bool     // make the checks, and write nothing
	Accept           []string // checks that only warn where they would refuse
	CreateNamespaces bool     // that MapDB names

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

	Verify Verify // the target when the load is done; nil: it is not compared
	// VerifySome is Verify of some of the keys, of the delta that was loaded last before a run over
	// a chain that loads more; nil: it is not compared.
	VerifySome Verify

	// Certain says that an earlier load of this run has seen that the target holds what a delta
	// follows. Shared says that loads into other targets, or of other deltas, count in the same
	// Meter, whose phase has begun. Chained says that the run of a chain resumes it without Resume.
	Certain, Shared, Chained bool

	several bool // there are loads into other targets
}

// A Verify compares a target with what was loaded into it. LeftOut opens what was left out; nil:
// nothing was.
type Verify func(ctx context.Context, s Spec, a *archive.Archive, rules *rewrite.Rules,
	leftOut func() (io.ReadCloser, error), out, log io.Writer) error

// IsChain reports whether the dump is a chain of deltas.
func (o *Options) IsChain(ctx context.Context) (bool, error) {
	if o.isStream() || o.Follow {
		return false, nil
	}
	return archive.IsChain(ctx, o.Dump)
}

// AmongSeveral gives the load into one of several targets directories of its own for what it keeps.
func (o *Options) AmongSeveral() {
	o.several = true
	for _, dir := range []*string{&o.State, &o.Undo} {
		if *dir != "" {
			*dir = storage.Join(*dir, loadstate.TargetName(o.Target.Target.Addr))
		}
	}
}

// Check refuses options that do not go together, by the names of their flags.
func (o *Options) Check() error {
	t, stream := &o.Target, o.isStream()
	for _, not := range []struct {
		is  bool
		why string
	}{
		{o.CreateNamespaces && (o.MapDB == nil || t.Target.Password == ""),
			"--create-namespaces makes the namespaces that --map-db names, and needs the password of " + t.Target.Addr + " (its requirepass)"},
		{o.Undo != "" && t.OnExists != writer.Replace,
			"--undo saves what is overwritten, and without --on-exists replace nothing is"},
		{stream && o.Follow,
			"--follow is for a dump in a directory or a bucket: --in - is loaded as it comes anyway"},
		{(stream || o.Follow) && o.several,
			"several targets need a finished dump: each loads it at its own pace"},
		{(stream || o.Follow) && o.Shard.Of > 1,
			"shards can be taken of a finished dump only: leave out --shard, or wait for it (--shard 0/1 where a scheduler has set its variables)"},
		{(stream || o.Follow) && o.Undo != "",
			"--undo must know all names before the load begins: it needs a finished dump"},
		{stream && (o.Verify != nil || o.DryRun),
			"--in - can be read only once: make a dump of it with kvload unpack for --verify or --dry-run"},
		{o.Keys.Recipients != nil && o.Undo == "",
			"--encrypt-to is for the dump that --undo makes; the dump that is loaded needs --identity if it is encrypted"},
		{o.Report != "" && !o.Shard.IsAll(),
			"--report does not go with --shard: what was left out is listed beside the journal, and kvload finish puts the lists together"},
		{o.Tune && (!o.Shard.IsAll() || storage.IsURL(o.State)),
			"--tune keeps the settings that it changes in a local directory, and does not go with --shard, nor with --state in a bucket"},
	} {
		if not.is {
			return exitcode.Usagef("%s", not.why)
		}
	}
	return nil
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
