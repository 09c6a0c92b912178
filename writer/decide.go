package writer

import (
	"context"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// decide gives k its name on the target and sees whether it is to be written. It reports whether
// the name is the load's to write, also for a key that has expired or has too little to live.
func (w *Worker) decide(ctx context.Context, k *key) bool {
	o := w.options
	switch {
	case k.short:
		k.out = leftOut
		w.account.stats.Short++
	case w.queue.isOver(ctx, k.expire):
		w.account.expire(k)
	case k.kind == format.HyperLogLog && o.HyperLogLog == LeaveOut:
		w.account.leave(k, ReasonHyperLogLog, "", "")
		return false
	}
	if o.Rename != nil {
		name, reason := o.Rename(w.db, k.kind, k.source)
		if reason != "" {
			w.account.leave(k, reason, "", "")
			return false
		}
		if name != nil {
			k.name = append(k.name[:0], name...)
		}
	}
	if w.queue.tooLong(k.name) {
		w.account.leave(k, ReasonRefused, "", w.target.LimitText("name", len(k.name)))
		return false
	}
	if o.OnExists == Skip && k.first < w.job.Asked {
		k.checked = true
		if w.job.Existed(k.first) {
			w.account.leave(k, ReasonExists, "", "")
			return false
		}
	}
	return true
}
