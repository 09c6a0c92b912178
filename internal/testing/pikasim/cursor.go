package pikasim

import "sync"

// cursorCapacity is how many positions Pika remembers.
const cursorCapacity = 5000

// cursors is the table behind the cursors of SCAN and its like: the number a client gets is only an
// index into it, and every client shares it. A newer entry of the same index replaces the older.
type cursors struct {
	mu      sync.Mutex
	byIndex map[string]position
	used    int64 // counts the uses
}

type position struct {
	at   string
	used int64 // when it was last
}

func newCursors() *cursors { return &cursors{byIndex: map[string]position{}} }

// store remembers a position. When there are too many, the one that was not used for longest goes.
func (t *cursors) store(index, at string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.used++
	t.byIndex[index] = position{at, t.used}
	if len(t.byIndex) <= cursorCapacity {
		return
	}
	oldest := index
	for i, p := range t.byIndex {
		if p.used < t.byIndex[oldest].used {
			oldest = i
		}
	}
	delete(t.byIndex, oldest)
}

// load finds a position, which stays stored.
func (t *cursors) load(index string) (at string, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p, ok := t.byIndex[index]
	if ok {
		t.used++
		t.byIndex[index] = position{p.at, t.used}
	}
	return p.at, ok
}
