package reader

import "time"

// An adaptiveLimit is a LIMIT, COUNT or batch size that adapts to the size of what comes back and
// to how long it took: it grows at most fourfold at a time and shrinks at once.
type adaptiveLimit struct {
	n, max  int
	target  int           // bytes
	latency time.Duration // of a pipeline; 0: any
}

// saw tells the limit that items took bytes.
func (l *adaptiveLimit) saw(items, bytes int) {
	if items == 0 {
		return
	}
	fit := l.target / max(1, bytes/items)
	l.n = max(1, min(fit, 4*l.n, l.max))
}

// lasted tells the limit that a pipeline with items took so long. It only ever lowers what
// saw allows.
func (l *adaptiveLimit) lasted(items int, took time.Duration) {
	if l.latency == 0 || items == 0 {
		return
	}
	fit := l.latency / max(1, took/time.Duration(items))
	l.n = max(1, min(l.n, int(min(fit, time.Duration(l.max)))))
}
