package dump

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// SplitKeys is how many keys a pass must have listed since it was last split to be split again,
// unless the options say otherwise: on 4.0 every range may walk over all types, so that there
// must be few of them for types that are rare.
const SplitKeys = 20_000

// splitAgain is how long a worker without work waits before it looks for a pass to split.
const splitAgain = 200 * time.Millisecond

// A schedule hands passes to workers. When none is left, a pass of the type is split that has
// listed the most, for it will have the most left: to look for the middle of a rare one costs a
// 4.0 a walk over all others.
type schedule struct {
	split func(context.Context, *reader.Pass) (*reader.Pass, error) // nil: passes are never split
	least int64                                                     // keys of a pass that is split

	mu      sync.Mutex
	workers int // those with numbers below it may work; 0: all
	pending []*reader.Pass
	running map[*reader.Pass]int // the numbers of their workers
	listed  map[keyspace]int64   // by passes that have been made
	changed chan struct{}        // closed when a pass ends, or others may work
}

// A keyspace is the keys of one type in one database.
type keyspace struct {
	db  int
	typ format.Type
}

func newSchedule(passes []*reader.Pass, split func(context.Context, *reader.Pass) (*reader.Pass, error), least int64) *schedule {
	return &schedule{split: split, least: cmp.Or(least, SplitKeys), pending: passes, running: map[*reader.Pass]int{}, listed: map[keyspace]int64{}, changed: make(chan struct{})}
}

// resize says how many workers may work from now on. The passes of the others end with the page at
// hand; what is left of them is for those who may.
func (s *schedule) resize(workers int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.workers = workers
	for p, number := range s.running {
		if number < workers || p.Limit > 0 {
			continue
		}
		if rest := p.Cut(); rest != nil {
			s.pending = append(s.pending, rest)
		}
	}
	s.wake()
}

// wake has all who wait look again.
func (s *schedule) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// next returns a pass to make for a worker of that number; nil when there is none left and none can
// come.
func (s *schedule) next(ctx context.Context, number int) (*reader.Pass, error) {
	for {
		s.mu.Lock()
		may := s.workers == 0 || number < s.workers
		if len(s.pending) > 0 && may {
			p := s.pending[0]
			s.pending = s.pending[1:]
			s.running[p] = number
			s.mu.Unlock()
			return p, nil
		}
		if len(s.running)+len(s.pending) == 0 {
			s.mu.Unlock()
			return nil, nil
		}
		changed, candidate := s.changed, (*reader.Pass)(nil)
		if may {
			candidate = s.longest()
		}
		s.mu.Unlock()
		if candidate != nil {
			p, err := s.split(ctx, candidate)
			if err != nil {
				return nil, err
			}
			if p != nil {
				s.mu.Lock()
				s.running[p] = number
				s.mu.Unlock()
				return p, nil
			}
		}
		select {
		case <-changed:
		case <-time.After(splitAgain):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// longest returns the pass to be split: of those that run and are of the type that has listed the
// most, the one that has listed the most since it was last split; nil if that is too little.
func (s *schedule) longest() *reader.Pass {
	if s.split == nil {
		return nil
	}
	listed := map[keyspace]int64{}
	var largest keyspace
	for p := range s.running {
		k := keyspace{p.DB, p.Type}
		all, _ := p.Listed()
		if _, ok := listed[k]; !ok {
			all += s.listed[k]
		}
		if listed[k] += all; listed[k] > listed[largest] {
			largest = k
		}
	}
	var longest *reader.Pass
	most := s.least
	for p := range s.running {
		if _, n := p.Listed(); n >= most && (keyspace{p.DB, p.Type}) == largest {
			longest, most = p, n
		}
	}
	return longest
}

// done says that a pass has been made. It reports whether it was the last of its keyspace.
func (s *schedule) done(p *reader.Pass) (last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, p)
	all, _ := p.Listed()
	s.listed[keyspace{p.DB, p.Type}] += all
	s.wake()
	left := slices.AppendSeq(slices.Clone(s.pending), maps.Keys(s.running))
	return !slices.ContainsFunc(left, func(o *reader.Pass) bool { return o.DB == p.DB && o.Type == p.Type })
}
