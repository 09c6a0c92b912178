package merge

import (
	"fmt"

	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

// summarize says what was merged.
func (o *Options) summarize(r *Result) {
	s, m := o.Summary, r.Manifest
	d := r.Deltas[len(r.Deltas)-1].Info.Delta
	s.Chain = &summary.Chain{Place: summary.Place(o.Chain), Deltas: len(r.Deltas), Number: d.Number, Until: d.Until, Last: d.Last, Restarted: d.Restarted, LagSeconds: -1}
	s.Note(fmt.Sprintf("merged of base %s, dump %s, and %s", summary.Place(o.Base), r.Base, progress.Plural(len(r.Deltas), "delta", "deltas")))
	if r.Done {
		s.Note("an earlier run had finished it: nothing was written")
	}
	if r.Rest > 0 {
		s.Note(progress.Plural(r.Rest, "delta of the chain is", "deltas of the chain are") + " not in it")
	}
	s.Made(m, o.Out, true)
}
