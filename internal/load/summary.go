package load

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/writer/checkpoint"
)

// A spent is how long a load took.
type spent struct {
	run time.Duration // the run at hand; 0: it did nothing
	all time.Duration // since the first run began; 0: there was one
}

func (s spent) String() string {
	text := progress.Duration(max(s.run, time.Second))
	if s.all > 0 {
		text += " by this run, " + progress.Duration(max(s.all, time.Second)) + " since the first began"
	}
	return text
}

// summarize shows what was loaded, by this run or, in no time, by those before. It returns a
// LeftOutError if something was not.
func summarize(w io.Writer, s checkpoint.Stats, list string, took spent) error {
	if s.Keys == 0 && s.Expired == 0 && s.Short == 0 && len(s.LeftOut) == 0 {
		fmt.Fprintln(w, "NOTHING WAS LOADED: the dump, or this shard of it, has no key that was chosen (--match)")
	}
	what := fmt.Sprintf("loaded %s with %s, %s", progress.Plural(s.Keys, "key", "keys"), progress.Plural(s.Elements, "element", "elements"), progress.Bytes(s.Bytes))
	if took.run > 0 {
		fmt.Fprintf(w, "%s, in %s\n", what, took)
	} else {
		fmt.Fprintf(w, "earlier runs have %s\n", what)
	}
	if s.Expired > 0 {
		fmt.Fprintf(w, "%s expired since the dump: left out\n", progress.Plural(s.Expired, "key has", "keys have"))
	}
	if s.Short > 0 {
		fmt.Fprintf(w, "%s had less than --ttl-min to live: left out\n", progress.Plural(s.Short, "key", "keys"))
	}
	if s.Dropped > 0 {
		fmt.Fprintf(w, "deleted at the target: %s of those that were left out so (--on-exists replace)\n", progress.Count(s.Dropped))
	}
	if len(s.LeftOut) == 0 {
		return nil
	}
	var reasons []string
	for _, r := range slices.Sorted(maps.Keys(s.LeftOut)) {
		reasons = append(reasons, fmt.Sprintf("%s %s", progress.Count(s.LeftOut[r]), r))
	}
	return &exitcode.LeftOutError{Text: fmt.Sprintf("the load is done, but not everything is on the target (%s): see %s",
		strings.Join(reasons, ", "), list)}
}

// unfinished adds to the error of a load what is on the target, and how the load can be resumed.
func unfinished(err error, j *journal.Journal, dump string) error {
	where := "nothing of the dump is on the target"
	if j.MayHaveSent() {
		where = "part of the dump is on the target"
	}
	if errors.As(err, new(*format.CorruptError)) {
		return fmt.Errorf("%w (%s: kvload check %s names every damaged file; fetch them again, then run again with --resume; "+
			"%s says how far it is)", err, where, dump, j.Path())
	}
	return fmt.Errorf("%w (%s: run again with --resume; %s says how far it is)", err, where, j.Path())
}
