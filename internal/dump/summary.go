package dump

import (
	"fmt"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// begun says which dump the run is of, and what earlier runs have done.
func (o *Options) begun(w *archive.Writer) {
	s := o.Summary
	s.Dump = summary.Dump{ID: w.Info.Dump, Place: summary.Place(o.where())}
	if o.Shard != nil {
		s.Shard = o.Shard.String()
	}
	if w.Resumed() {
		s.Hold(w.Totals())
		s.Resumed(s.Counts, w.Info.Started, time.Time{})
	}
}

// summarize says what a finished dump holds, and what it does not.
func (o *Options) summarize(m *format.Manifest) {
	s := o.Summary
	s.Of(m, o.where())
	s.Finished = true
	s.Hold(m.Totals)
	s.NotePartial(m.Options)
	if m.Options.Sample != 0 && m.Conflicts == 0 && archive.MayConflict(&m.Info) {
		s.Note("a sample may have none of the names with several types: if the plan warns of such, add --on-conflict")
	}
	if m.Delta != nil {
		o.chain(m)
	} else if report.Sum(m.Totals).Keys == 0 {
		s.Note("THE DUMP HOLDS NO KEYS: the source has none of those that were chosen (--db, --type, --match)")
	}
	s.Leave("expired", m.Expired, report.Reasons["expired"], false, "")
	for _, r := range m.Skipped {
		s.Leave(r.Reason, r.Keys, report.Reasons[r.Reason], r.Reason != string(reader.DeletedOrExpired), o.list(format.SkippedName))
	}
	if m.Conflicts > 0 {
		s.Note(progress.Plural(m.Conflicts, "name stands", "names stand") + " in several types; kvload will ask for --on-conflict")
		s.File("conflicts", o.list(format.ConflictsName))
	}
}

// chain says what a delta is of, and what it comes to.
func (o *Options) chain(m *format.Manifest) {
	place, _, ok := archive.ParseDeltaPath(o.Location)
	if !ok {
		place = o.Location
	}
	c := &summary.Chain{Place: summary.Place(place), Deltas: 1, Number: m.Delta.Number, Until: m.Delta.Until}
	if m.Consistency.Statement != format.NoWrites {
		now := time.Now().Add(time.Duration(m.Source.ClockDifference) * time.Millisecond)
		c.LagSeconds = now.Sub(m.Delta.Until).Seconds()
	}
	names := int64(0) // as many as in any of the types
	for _, t := range m.Totals {
		if t.Type == m.Options.Types[0] {
			names += t.Keys + t.Deleted
		}
	}
	o.Summary.Chain = c
	if keys := report.Sum(m.Totals).Keys; names+keys > 0 {
		o.Summary.Note(fmt.Sprintf("the delta has %s with %s; whatever else a target has under these names, a load deletes",
			progress.Plural(names, "name", "names"), progress.Plural(keys, "key", "keys")))
	} else {
		o.Summary.Note("nothing has changed since the base and the deltas before")
	}
}

// ending returns a LeftOut error if keys are not in a finished dump, or not wholly, or if it is
// not known to be of one moment and has to be.
func ending(m *format.Manifest, o *Options) error {
	var texts []string
	if counted, ok := strings.CutPrefix(m.Consistency.Reason, countDiffers); ok {
		texts = append(texts, fmt.Sprintf("the dump is finished, but it is not whole, or the source's count is wrong: %s; dump again into another directory "+
			"(when two dumps agree, --no-source-count takes them as they are)", counted))
	}
	if n, reasons := report.Lost(m.Skipped); n > 0 {
		texts = append(texts, fmt.Sprintf("the dump is finished, but %s not in it, or without a part or the expiry (%s): see %s",
			progress.Plural(n, "listed key is", "listed keys are"), reasons, o.list(format.SkippedName)))
	}
	whole := texts == nil
	if o.Consistent && m.Consistency.Statement != format.NoWrites {
		texts = append(texts, fmt.Sprintf("the dump is finished, but --require-consistent is not met: %s (%s)", m.Consistency.Statement, m.Consistency.Reason))
	}
	if texts == nil {
		return nil
	}
	return &exitcode.LeftOutError{Text: strings.Join(texts, "; "), Inconsistent: whole}
}

func (o *Options) list(name string) string {
	if len(o.Archive.Keys.Recipients) > 0 {
		name += format.EncryptedSuffix
	}
	if o.Stream != nil {
		return name + " in the stream"
	}
	return storage.Join(o.Location, name)
}
