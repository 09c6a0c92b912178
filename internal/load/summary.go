package load

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/leftout"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/writer/checkpoint"
)

func countsOf(s checkpoint.Stats) summary.Counts {
	return summary.Counts{Keys: s.Keys, Elements: s.Elements, Bytes: s.Bytes}
}

// summarize says what was loaded, by this run and those before: of a delta, or of a load that
// stopped, that may be nothing. It returns a LeftOutError if something was not.
func summarize(sum *summary.Summary, s checkpoint.Stats, list string, mayBeNothing bool) error {
	sum.Counts = countsOf(s)
	if !mayBeNothing && s.Keys == 0 && s.Expired == 0 && s.Short == 0 && len(s.LeftOut) == 0 {
		sum.Note("NOTHING WAS LOADED: the dump, or this shard of it, has no key that was chosen (--match)")
	}
	sum.Leave("expired", s.Expired, report.LoadReasons["expired"], false, "")
	sum.Leave("short", s.Short, report.LoadReasons["short"], false, "")
	var reasons []string
	for _, r := range slices.Sorted(maps.Keys(s.LeftOut)) {
		sum.Leave(r, s.LeftOut[r], report.LoadReasons[r], true, list)
		reasons = append(reasons, fmt.Sprintf("%s %s", progress.Count(s.LeftOut[r]), r))
	}
	if s.Dropped > 0 {
		sum.Note(fmt.Sprintf("deleted at the target: %s of those that were left out as expired or short (--on-exists replace)", progress.Count(s.Dropped)))
	}
	if len(reasons) == 0 {
		return nil
	}
	return &exitcode.LeftOutError{Text: fmt.Sprintf("the load is done, but not everything is on the target (%s): see %s",
		strings.Join(reasons, ", "), list)}
}

// LeftOut adds to a summary what the load of a delta has left out that an earlier run has ended. It
// returns a LeftOutError if that is something.
func LeftOut(sum *summary.Summary, status *loadstate.Status) error {
	one, jn := summary.Summary{}, status.Shards[0].Journal
	err := summarize(&one, status.Stats(), storage.Join(storage.Abs(status.Root), leftout.ListName(jn)), true)
	for _, l := range one.LeftOut {
		if l.Lost {
			sum.AddLeft(l)
		}
	}
	return err
}
