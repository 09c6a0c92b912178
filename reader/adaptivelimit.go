package reader

import "time"

// A limit is a LIMIT, COUNT or batch size that adapts to the size of what comes back and
// to how long it took: it grows at most fourfold at a time and shrinks at once.
type limit struct {
	n, max  int
	target  int           // bytes
	latency time.Duration // of a flight; 0: any
}

func newLimit(first, max, target int) limit {
	return limit{n: min(first, max), max: max, target: target}
}

// saw tells the limit that items took bytes.
func (l *limit) saw(items, bytes int) {
	if items == 0 {
		return
	}
	fit := l.target / max(1, bytes/items)
	l.n = max(1, min(fit, 4*l.n, l.max))
}

// lasted tells the limit that a flight with items took so long. It only ever lowers what
// saw allows.
func (l *limit) lasted(items int, took time.Duration) {
	if l.latency == 0 || items == 0 {
		return
	}
	fit := l.latency / max(1, took/time.Duration(items))
	l.n = max(1, min(l.n, int(min(fit, time.Duration(l.max)))))
}
