package load

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/pack"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// openFeed opens the dump: a finished one, one that is still being made, or a stream.
func openFeed(ctx context.Context, o *Options, log io.Writer) (f *archive.Feed, closing func() error, err error) {
	say := func(text string) { fmt.Fprintln(log, text) }
	done := func() error { f.Close(); return nil }
	switch {
	case o.isStream():
		if t, ok := o.Stdin.(*os.File); ok && progress.IsTerminal(t) {
			return nil, nil, exitcode.Usagef("--in - reads a dump from standard input, which is a terminal: send it through a pipe, as in pikadump dump --out - | kvload load --in -")
		}
		r, err := pack.Receive(pack.Interruptible(ctx, o.Stdin), o.Spool, o.Workers, o.Keys.Identities)
		if err != nil {
			return nil, nil, err
		}
		f, done = r.Feed(), r.Close
	case o.Follow:
		if f, err = archive.Follow(ctx, o.Dump, o.Workers, say, o.Keys.Identities...); err != nil {
			return nil, nil, err
		}
	default:
		a, err := archive.OpenAny(ctx, o.Dump, o.Workers, o.Keys.Identities...)
		if err != nil {
			return nil, nil, err
		}
		return a.Feed(), done, nil
	}
	if why := o.mustWait(f); why != "" {
		say(why + ": the load begins when the whole dump has come")
		err = f.Wait(ctx)
	}
	if err != nil {
		_ = done() // the spool may stay; the error says more
		return nil, nil, err
	}
	return f, done, nil
}

// mustWait says why nothing can be loaded before the whole dump has come; empty if it can.
func (o *Options) mustWait(f *archive.Feed) string {
	if !f.Early() {
		return "whether a name has several types is known only at the end of a dump of a Pika before 4.0"
	}
	dbs := 0
	for _, db := range f.Archive().Manifest.Options.Databases {
		if !o.Filter.DB(db) {
			continue
		}
		dbs++
		if _, named := o.MapDB[db]; !named && o.MapDB != nil {
			return fmt.Sprintf("--map-db does not name db%d, and whether it has keys is known only at the end of the dump", db)
		}
	}
	if dbs > 1 && o.MapDB == nil {
		return "which databases have keys is known only at the end of the dump (--map-db or --db says where each goes)"
	}
	return ""
}
