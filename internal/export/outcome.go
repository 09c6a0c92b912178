package export

import (
	"fmt"
	"maps"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

// An outcome is what became of the keys that were to be written.
type outcome struct {
	keys, elements, bytes int64 // that were
	deleted               int64 // of keys: what a delta says is gone or of another type, counted once for each type
	missing               int64 // that the dump does not have
	left                  map[string]int64
}

// isLost reports whether what is left out for a reason counts: that a key has expired does, if it
// was asked for by its name.
func (x *Exporter) isLost(reason string) bool { return reason != Expired || x.named }

// leave notes a key that the output does not have.
func (x *Exporter) leave(db int, r *format.Record, reason string) {
	if x.left == nil {
		x.left = map[string]int64{}
	}
	x.left[reason]++
	if x.isLost(reason) {
		fmt.Fprintf(x.o.Log, "left out: %s %q of db%d: %s (%s)\n", r.Kind, r.Key, db, reason, report.ShowReasons[reason])
	}
}

// miss notes a name that the dump does not have, or not among what is chosen.
func (x *Exporter) miss(key []byte) {
	x.missing++
	where := "the dump"
	if f := x.o.Filter; f.DBs != nil || f.Types != nil || f.Match != "" {
		where = "what is chosen of the dump"
	}
	fmt.Fprintf(x.o.Log, "not in %s: %q\n", where, key)
}

// Conclude says in a summary what was written. It returns err, or that something was not.
func (x *Exporter) Conclude(s *summary.Summary, err error) error {
	s.Keys, s.Elements, s.Bytes = x.keys-x.deleted, x.elements, x.bytes
	if x.deleted > 0 {
		s.Note("deleted or of another type, counted once for each type: " + progress.Count(x.deleted))
	}
	lost := int64(0)
	for _, reason := range slices.Sorted(maps.Keys(x.left)) {
		s.Leave(reason, x.left[reason], report.ShowReasons[reason], x.isLost(reason), "")
		if x.isLost(reason) {
			lost += x.left[reason]
		}
	}
	switch {
	case err != nil:
		return err
	case x.missing > 0:
		return &exitcode.LeftOutError{Text: fmt.Sprintf("%s not in the dump", progress.Plural(x.missing, "key is", "keys are"))}
	case lost > 0:
		return &exitcode.LeftOutError{Text: fmt.Sprintf("%s left out of what was written", progress.Plural(lost, "key was", "keys were"))}
	}
	s.Finished = true
	return nil
}
