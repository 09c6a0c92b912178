package dump

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// summarize shows what a finished dump holds, which this run has begun, or resumed.
func summarize(w io.Writer, m *format.Manifest, o *Options, run time.Duration, resumed bool) {
	report.Totals(w, m.Totals)
	took := progress.Duration(max(run, time.Second))
	if resumed {
		took += " by this run, " + progress.Duration(max(m.Finished.Sub(m.Started), time.Second)) + " since the first began"
	}
	report.SayPartial(w, m.Options)
	if report.Keys(m.Totals) == 0 {
		fmt.Fprintln(w, "THE DUMP HOLDS NO KEYS: the source has none of those that were chosen (--db, --type, --match)")
	}
	fmt.Fprintf(w, "consistency: %s (%s)\n", m.Consistency.Statement, m.Consistency.Reason)
	if m.Expired > 0 {
		fmt.Fprintf(w, "%s expired between being listed and being read\n", progress.Plural(m.Expired, "key", "keys"))
	}
	report.Skipped(w, m.Skipped)
	if m.Conflicts > 0 {
		fmt.Fprintf(w, "%s in several types: see %s; kvload will ask for --on-conflict\n",
			progress.Plural(m.Conflicts, "name stands", "names stand"), o.list(format.ConflictsName))
	}
	fmt.Fprintf(w, "done in %s: %s\n", took, o.where())
}

// ending returns a LeftOut error if keys are not in a finished dump, or not wholly, or if it is
// not known to be of one moment and has to be.
func ending(m *format.Manifest, o *Options) error {
	var texts []string
	if counted, ok := strings.CutPrefix(m.Consistency.Reason, countDiffers); ok {
		texts = append(texts, fmt.Sprintf("the dump is finished, but it is not whole, or the source's count is wrong: %s; dump again into another directory "+
			"(when two dumps agree, --no-source-count takes them as they are)", counted))
	}
	if text := skipped(m, o); text != "" {
		texts = append(texts, text)
	}
	if o.Consistent && m.Consistency.Statement != format.NoWrites {
		texts = append(texts, fmt.Sprintf("the dump is finished, but --require-consistent is not met: %s (%s)", m.Consistency.Statement, m.Consistency.Reason))
	}
	if texts == nil {
		return nil
	}
	return &exitcode.LeftOutError{Text: strings.Join(texts, "; ")}
}

// skipped says which keys of skipped.jsonl are missing; empty: none. Those that the source does
// not have any more are not.
func skipped(m *format.Manifest, o *Options) string {
	var reasons []string
	total := int64(0)
	for _, r := range m.Skipped {
		if r.Reason == string(reader.DeletedOrExpired) {
			continue
		}
		total += r.Keys
		reasons = append(reasons, fmt.Sprintf("%s %s", progress.Count(r.Keys), r.Reason))
	}
	if total == 0 {
		return ""
	}
	return fmt.Sprintf("the dump is finished, but %s not in it, or not wholly (%s): see %s",
		progress.Plural(total, "listed key is", "listed keys are"), strings.Join(reasons, ", "), o.list(format.SkippedName))
}

// list says where a list of the dump is.
func (o *Options) list(name string) string {
	if len(o.Archive.Keys.Recipients) > 0 {
		name += format.EncryptedSuffix
	}
	if o.Stream != nil {
		return name + " in the stream"
	}
	return storage.Join(o.Location, name)
}
