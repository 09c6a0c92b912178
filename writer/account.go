package writer

import (
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
	"github.com/pika2kvrocks/pika2kvrocks/writer/checkpoint"
)

// An account counts what becomes of the keys of a source database, and keeps what was left out
// until the next checkpoint.
type account struct {
	db      int
	stats   checkpoint.Stats // of the job, and of runs before
	reports []LeftOut        // behind the last checkpoint
	kept    int              // about how many bytes these take
	report  func(LeftOut)    // nil: nobody is told
}

func (a *account) begin(job *Job) {
	a.report, a.stats = job.Report, checkpoint.Stats{LeftOut: map[string]int64{}}
	a.stats.Add(job.From.Stats)
}

// done counts k if it is complete, once nothing of it is under way, and reports whether it is over.
func (a *account) done(k *key) bool {
	if !k.closed || k.pending > 0 {
		return false
	}
	if k.folded {
		return true
	}
	if k.out == alive && k.written == 0 {
		// No server holds a collection without elements: there is no such key now.
		a.leave(k, ReasonRefused, "", "nothing of it could be written")
	}
	if k.out == alive {
		a.stats.Keys++
		if k.expire != 0 {
			a.stats.Expiring++
		}
	}
	return true
}

// took counts what the target has acknowledged of k, which is nil for several keys.
func (a *account) took(k *key, elements, bytes int64) {
	if k != nil {
		k.taken += elements
		k.bytes += bytes
	}
	a.stats.Elements += elements
	a.stats.Bytes += bytes
}

// leave reports k as left out, once, and lets nothing more of it be sent.
func (a *account) leave(k *key, reason, command, reply string) {
	if k.out != alive {
		return
	}
	k.out = leftOut
	a.add(LeftOut{
		DB: a.db, Kind: k.kind, Key: clone(k.source), Reason: reason,
		Partial: k.written > 0, Command: command, Reply: reply,
	})
}

// leaveMember reports one member, field or entry of k: the rest of k goes on.
func (a *account) leaveMember(k *key, member []byte, command, reply string) {
	a.add(LeftOut{
		DB: a.db, Kind: k.kind, Key: clone(k.source), Reason: ReasonRefused,
		Member: clone(member), Command: command + " " + resp.Quote(member), Reply: reply,
	})
}

func (a *account) add(l LeftOut) {
	a.stats.LeftOut[l.Reason]++
	if a.report != nil {
		a.reports = append(a.reports, l)
		a.kept += len(l.Key) + len(l.Member) + len(l.Command) + len(l.Reply) + 128
	}
}

// tell hands over what was left out since it was called before.
func (a *account) tell() {
	for _, l := range a.reports {
		a.report(l)
	}
	clear(a.reports)
	a.reports, a.kept = a.reports[:0], 0
}

// expire counts k as expired, and lets nothing more of it be sent.
func (a *account) expire(k *key) {
	if k.out == alive {
		k.out = expired
		a.stats.Expired++
	}
}

// clone never returns nil: an empty key is one, too.
func clone(b []byte) []byte { return append([]byte{}, b...) }
