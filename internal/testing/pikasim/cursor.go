package pikasim

import (
	lru "container/list"
	"sync"
)

// cursorCapacity is how many positions Pika remembers.
const cursorCapacity = 5000

// cursors is the table behind the cursors of SCAN and its like: the number a client gets is only an
// index into it, and every client shares it. A newer entry of the same index replaces the older.
type cursors struct {
	mu      sync.Mutex
	recent  *lru.List // of *position, newest first
	byIndex map[string]*lru.Element
}

type position struct {
	index, at string
}

func newCursors() *cursors {
	return &cursors{recent: lru.New(), byIndex: map[string]*lru.Element{}}
}

// store remembers a position.
func (t *cursors) store(index, at string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.byIndex[index]; e != nil {
		t.recent.Remove(e)
	}
	t.byIndex[index] = t.recent.PushFront(&position{index, at})
	if t.recent.Len() > cursorCapacity {
		oldest := t.recent.Remove(t.recent.Back()).(*position)
		delete(t.byIndex, oldest.index)
	}
}

// load finds a position, which stays stored.
func (t *cursors) load(index string) (at string, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.byIndex[index]
	if e == nil {
		return "", false
	}
	t.recent.MoveToFront(e)
	return e.Value.(*position).at, true
}
