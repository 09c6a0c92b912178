package dump

import (
	"fmt"
	"sync/atomic"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// counters are what the passes have handed over so far.
type counters struct {
	byKeys                bool         // work is keys, not rows
	hyperloglogs, members atomic.Int64 // how many, and of the largest
}

// report tells of the hyperloglogs that this run found.
func (n *counters) report(s *summary.Summary) {
	if found := n.hyperloglogs.Load(); found > 0 {
		s.Note(fmt.Sprintf("this run found %s, of up to about %s: their registers are in the dump, but no other server can go on counting with them. "+
			"kvload load leaves them out (exit code 3), or stores their bytes with --hyperloglog string",
			progress.Plural(found, "hyperloglog", "hyperloglogs"), progress.Plural(n.members.Load(), "member", "members")))
	}
}

// A segment takes what a pass finds: into the dump, or to compare it with its base.
type segment interface {
	Record(*format.Record) error
	Skip(key []byte, reason, detail string) error
	Expire() error
	Drop(key []byte, reason string) error
	Start() []byte
	Close(end []byte) error
	Checkpoint() error
	Discard()
}

// sink puts what a pass finds into its segment.
type sink struct {
	seg   segment
	n     *counters
	meter *progress.Meter
	part  *progress.Counter
}

func (s *sink) Record(r *format.Record) error {
	keys := int64(0)
	if r.Part&format.PartFirst != 0 {
		keys = 1
	}
	work := keys
	if !s.n.byKeys {
		work = reader.Rows(r)
	}
	s.part.Add(keys, int64(len(r.Key)+r.Size()), work)
	s.part.AddElements(int64(r.Elements()))
	return s.seg.Record(r)
}

func (s *sink) Skip(key []byte, reason reader.Reason, detail string) error {
	s.meter.LeftOut(string(reason), 1)
	if reason == reader.Expired {
		return s.seg.Expire()
	}
	return s.seg.Skip(key, string(reason), detail)
}

// Drop takes back a key that changed while it was read in pieces.
func (s *sink) Drop(key []byte, reason reader.Reason) error {
	if reason == reader.Expired { // where its chunk is made anew it does not come again
		return s.seg.Drop(key, string(reader.DeletedOrExpired))
	}
	return s.seg.Drop(key, string(reader.Gone))
}

// HyperLogLog counts a hyperloglog.
func (s *sink) HyperLogLog(_ []byte, members int64) {
	s.n.hyperloglogs.Add(1)
	for {
		most := s.n.members.Load()
		if members <= most || s.n.members.CompareAndSwap(most, members) {
			return
		}
	}
}
