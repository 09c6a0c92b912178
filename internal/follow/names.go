package follow

import (
	"bytes"
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
	"github.com/pika2kvrocks/pika2kvrocks/reader/binlog"
)

// A tail is which names were written that are in no delta yet. One goroutine adds, another cuts.
type tail struct {
	most  int // names, and
	bytes int // of them
	keep  func(name []byte) bool

	full chan struct{} // one is in it while there is no room

	mu    sync.Mutex
	room  chan struct{} // is closed by the next cut
	names map[int]map[string]struct{}
	size  int // bytes of them
	tailState
}

// A tailState is how far a tail is.
type tailState struct {
	count   int // names
	items   int
	at      []format.BinlogPosition // behind the last item
	last    []format.LastItem       // the items before at, where they are known
	until   time.Time               // up to which it has all writes, by the source's clock
	arrived time.Time               // when the last item did
}

// A cut is what a delta is made of.
type cut struct {
	tailState
	names map[int][][]byte // by database, in order
}

// newTail returns one that is behind the positions, and the last items before them. Keep reports
// which names a dump would have; nil: all.
func newTail(at []format.BinlogPosition, last []format.LastItem, until time.Time, most int, keep func([]byte) bool) *tail {
	return &tail{
		most: most, bytes: nameBytes, keep: keep, full: make(chan struct{}, 1), room: make(chan struct{}),
		names: map[int]map[string]struct{}{}, tailState: tailState{at: slices.Clone(at), last: slices.Clone(last), until: until, arrived: time.Now()},
	}
}

// add adds an item. If there is no room it adds nothing, and returns what is closed when there is.
func (t *tail) add(item *binlog.Item) (room <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.count >= t.most || t.size >= t.bytes {
		return t.room
	}
	db := item.Position.DB
	names := t.names[db]
	if names == nil {
		names = map[string]struct{}{}
		t.names[db] = names
	}
	for _, name := range item.Names {
		if _, has := names[string(name)]; has || t.keep != nil && !t.keep(name) || reader.IsInternal(name) {
			continue
		}
		names[string(name)] = struct{}{}
		t.count++
		t.size += len(name)
	}
	i := slices.IndexFunc(t.at, func(p format.BinlogPosition) bool { return p.DB == db })
	t.at[i] = item.Position
	t.last = slices.DeleteFunc(t.last, func(it format.LastItem) bool { return it.DB == db })
	t.last = append(t.last, lastItem(item))
	t.items++
	t.arrived = time.Now()
	if item.Time.After(t.until) {
		t.until = item.Time
	}
	if t.count >= t.most || t.size >= t.bytes {
		select {
		case t.full <- struct{}{}:
		default:
		}
	}
	return nil
}

// reached says that at a time of the source's clock its binlog ended at those positions, and
// reports whether the tail is there, in all of its databases.
func (t *tail) reached(now time.Time, positions []format.BinlogPosition) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !isBehind(t.at, positions) {
		return false
	}
	if now.After(t.until) {
		t.until = now
	}
	return true
}

// state returns how far the tail is now.
func (t *tail) state() tailState {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.tailState.clone()
}

func (s tailState) clone() tailState {
	s.at, s.last = slices.Clone(s.at), slices.Clone(s.last)
	return s
}

// cut takes what there is, and makes room.
func (t *tail) cut() *cut {
	t.mu.Lock()
	c := &cut{t.tailState.clone(), map[int][][]byte{}}
	slices.SortFunc(c.last, func(a, b format.LastItem) int { return cmp.Compare(a.DB, b.DB) })
	all := t.names
	t.names, t.count, t.size, t.items = map[int]map[string]struct{}{}, 0, 0, 0
	select {
	case <-t.full:
	default:
	}
	close(t.room)
	t.room = make(chan struct{})
	t.mu.Unlock()
	for db, names := range all {
		list := make([][]byte, 0, len(names))
		for name := range names {
			list = append(list, []byte(name))
		}
		slices.SortFunc(list, bytes.Compare)
		c.names[db] = list
	}
	return c
}
