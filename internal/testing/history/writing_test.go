package history

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
)

// A writing is a history of a load: of a dump that is made here, into a target at which others
// write between two commands of kvload, over connections that are lost, by runs that are killed and
// resumed; and of its rollback.
type writing struct {
	*history
	*maker
	c    *redis.Client // of the others
	wire *wire
	db   int

	dir    string            // of the dump
	dump   map[string]*value // what it holds
	unit   map[string]int    // in which unit of the dump a key is
	prior  map[string]*value // what keys of the dump are at the target when the load comes to them
	others map[string]*value // keys of others
	now    int64             // Unix ms when the history began

	policy string
	short  int64 // ms: what expires sooner after the load began is left out
	mute   bool  // the target refuses CLIENT
	undo   bool
	stops  bool // killed for good
	flags  []string
	events []*stroke

	seen    map[string]int  // commands of the tools that name a key of the dump, by name; "": all
	named   map[string]bool // keys that the tool has named
	wrote   map[string]bool // and written
	exempt  map[string]bool // keys that others wrote before a load under way came to them, which does not look
	blind   map[string]bool // streams of which XINFO STREAM says nothing, as on Kvrocks
	release int             // when seen is so many; 0: never
	tool    *process
	large   bool // the target holds more than a tool may keep
}

func newWriting(h *history, to *target) *writing {
	h.Helper()
	w := &writing{history: h, maker: &maker{dice: h.rng}, dump: map[string]*value{}, unit: map[string]int{}, prior: map[string]*value{}, others: map[string]*value{},
		seen: map[string]int{}, named: map[string]bool{}, wrote: map[string]bool{}, exempt: map[string]bool{}, blind: map[string]bool{}, now: time.Now().UnixMilli()}
	w.db, w.c = to.borrow(h)
	w.wire = startWire(h, to.addr)
	w.wire.before, w.wire.note, w.wire.alter = w.before, w.note, w.alter
	w.makeDump()
	w.policy = one(w.rng, "fail", "skip", "skip", "replace", "replace")
	w.undo = w.policy == "replace" && w.rng.IntN(2) == 0
	w.stops = h.chance(4)
	w.flags = []string{"--uri", fmt.Sprintf("redis://%s/%d", w.wire.addr(), w.db), "--in", w.dir, "--quiet", "--state", filepath.Join(h.TempDir(), "state"),
		"--threads", one(h.rng, "1", "1", "1", "1", "1", "3"), "--pipeline", one(w.rng, "4", "10", "40"), "--checkpoint", one(w.rng, "1ms", "1ms", "1h"), "--retry-for", "5s", "--on-exists", w.policy}
	if w.undo {
		w.flags = append(w.flags, "--undo", filepath.Join(h.TempDir(), "undo"))
	}
	if w.chance(8) {
		w.short = (100 * time.Hour).Milliseconds()
		w.flags = append(w.flags, "--ttl-min", "100h")
	}
	w.mute = w.chance(6)
	w.fill()
	if w.undo && h.chance(12) && on("large value") {
		w.fillLarge()
	}
	for range w.rng.IntN(5) {
		e := &stroke{nth: 1 + w.rng.IntN(2*len(w.dump)), do: one(w.rng, strokes...), n: 1 + w.rng.IntN(30)}
		if h.chance(2) {
			e.on, e.nth = one(w.rng, "RPUSH", "RPUSH", "HSET", "SADD", "XADD", "EXISTS"), 1+w.rng.IntN(10)
		}
		w.events = append(w.events, e)
	}
	if w.stops && h.chance(2) {
		w.events = append(w.events, &stroke{nth: 1 + w.rng.IntN(len(w.dump)/2), do: "same key"})
	}
	if w.stops {
		w.events = append(w.events, &stroke{nth: 1 + w.rng.IntN(len(w.dump)), do: one(w.rng, "kill", "kill after"), n: 0})
	}
	if slices.ContainsFunc(w.events, func(e *stroke) bool { return e.do == "stall" }) {
		w.flags = append(w.flags, "--timeout", "700ms")
	}
	slices.SortStableFunc(w.events, func(a, b *stroke) int { return a.nth - b.nth })
	h.tell("%d keys, --on-exists %s, %d keys at the target before, stops %v, CLIENT is refused %v", len(w.dump), w.policy, len(w.prior)+len(w.others), w.stops, w.mute)
	return w
}

// makeDump writes a dump.
func (w *writing) makeDump() {
	for i := range 6 + w.rng.IntN(40) {
		kind := one(w.rng, kinds...)
		n, size := 1+w.rng.IntN(6), 30
		if w.chance(5) {
			n, size = 20+w.rng.IntN(200), 40
		}
		v := w.value(kind, n, size)
		switch w.rng.IntN(6) {
		case 0:
			v.expire = w.now - 1000*int64(1+w.rng.IntN(3600))
		case 1:
			v.expire = w.now + 1000*int64(3600+w.rng.IntN(1<<20))
		}
		if kind == format.Stream && w.chance(3) {
			v.state.LastID.Ms += 5
			v.state.MaxDeletedID, v.state.EntriesAdded = v.state.LastID, v.state.EntriesAdded+3
		}
		w.dump[fmt.Sprintf("key%03d", i)] = v
	}
	if w.chance(15) && on("too long") { // more than the target takes
		v := w.value(format.Set, 3, 20)
		w.dump["key999"] = v.with(element{name: strings.Repeat("m", maxBulk+1)})
	}
	w.dir = filepath.Join(w.TempDir(), "dump")
	src := format.Source{Address: "127.0.0.1:9221", Server: "pika", Version: "3.5.5", Role: "master", Databases: 1}
	a, err := archive.Create(context.Background(), w.dir, format.NewInfo("test", time.Now(), src, format.Options{Types: format.Types, Databases: []int{0}}),
		archive.Options{ChunkBytes: int64(one(w.rng, 1, 500, 3000))})
	w.must(err)
	defer a.Close()
	size := 5 + w.rng.IntN(100)
	for _, typ := range format.Types {
		seg := a.Segment(0, typ, nil)
		for _, key := range slices.Sorted(maps.Keys(w.dump)) {
			if !typ.Holds(w.dump[key].kind) {
				continue
			}
			for _, r := range w.dump[key].records(key, size) {
				w.must(seg.Record(&r))
			}
		}
		w.must(seg.Close(nil))
	}
	_, err = a.Finish(nil, true)
	w.must(err)
	made, err := archive.Open(context.Background(), w.dir, 1)
	w.must(err)
	defer made.Close()
	w.eachRecord(made, func(n int, r *format.Record) { w.unit[string(r.Key)] = n })
}

// fill writes what the target holds before the load.
func (w *writing) fill() {
	if w.policy == "fail" {
		return
	}
	for i := range w.rng.IntN(4) {
		w.other(fmt.Sprint("before", i))
	}
	for _, key := range w.keys() {
		if !w.chance(3) {
			continue
		}
		v := w.dump[key]
		if w.chance(2) || w.over(v) || w.refused(v) {
			v = w.value(one(w.rng, kinds...), 1+w.rng.IntN(5), 20)
		}
		v = fresh(v)
		write(w.c, key, v)
		w.prior[key] = v
	}
}

// fillLarge puts a hash at the target, in place of a key of the dump, that is much larger than what
// the load may keep.
func (w *writing) fillLarge() {
	keys := slices.DeleteFunc(w.keys(), func(key string) bool { return w.over(w.dump[key]) || w.refused(w.dump[key]) })
	if len(keys) == 0 {
		return
	}
	key, v, text := one(w.rng, keys...), &value{kind: format.Hash}, strings.Repeat("large", 8000)
	for i := range 3000 {
		v.elems = append(v.elems, element{fmt.Sprintf("%06d", i), text})
	}
	w.tell("%q is large", key)
	write(w.c, key, v)
	w.prior[key], w.large = v, true
	w.Cleanup(debug.FreeOSMemory)
}

// fresh returns a value as others would write it: a stream has no past.
func fresh(v *value) *value {
	if v.kind != format.Stream {
		return v
	}
	u := *v
	u.state = format.StreamState{LastID: parseID(v.elems[len(v.elems)-1].name), EntriesAdded: uint64(len(v.elems))}
	return &u
}

// other writes a key of somebody else's.
func (w *writing) other(key string) {
	v := w.value(one(w.rng, kinds...), 1+w.rng.IntN(5), 20)
	write(w.c, key, v)
	w.others[key] = v
}

func (w *writing) keys() []string { return slices.Sorted(maps.Keys(w.dump)) }

// over reports whether a value of the dump has expired, or is left out for its short life.
func (w *writing) over(v *value) bool { return v.expire != 0 && v.expire <= w.now+w.short }

// refused reports whether the target cannot take a value.
func (w *writing) refused(v *value) bool {
	return slices.ContainsFunc(v.elems, func(e element) bool { return len(e.name) > maxBulk })
}

// run makes the load, judges it, and takes it back.
func (w *writing) run() {
	if w.policy != "replace" && w.chance(8) {
		w.packed()
		return
	}
	code := w.until("load", append(w.flags, "--max-errors", "-1")...)
	w.wire.release()
	finished, report := code != killed, w.beside("left-out-*.jsonl")
	if code == 1 && len(w.exempt) > 0 && strings.Contains(w.tool.stderr.String(), "does something else write to it") {
		finished = false
	}
	if unsure := code == exitDifferent && w.mute; finished && !unsure {
		if code != 0 && code != 3 {
			w.broken("the load ended with %d: %s", code, tail(w.tool.stderr.String(), 400))
			return
		}
		if !w.loaded(code, report) {
			return
		}
	}
	if finished {
		w.compare(report)
		if w.chance(8) {
			w.again()
			return
		}
	}
	w.afterwards()
	if finished {
		w.compare(report)
	}
	w.rollback(finished)
}

// beside returns the path of a file beside the journal.
func (w *writing) beside(pattern string) string {
	found, err := filepath.Glob(filepath.Join(w.flags[slices.Index(w.flags, "--state")+1], pattern))
	w.must(err)
	return strings.Join(found, "")
}

// until runs kvload until it ends by itself, and returns its exit code; killed if it is not to go
// on.
func (w *writing) until(command string, flags ...string) int {
	idle := 0 // runs that nobody disturbed, and that ended with try again
	for n := 0; ; n++ {
		if n == mostRuns || idle == 2 {
			w.broken("kvload %s that is run %d times does not end", command, n)
			return 1
		}
		pending := w.pending()
		w.wire.turn.Lock() // a command that comes at once waits until the process is known
		w.tool = w.start("kvload", nil, append([]string{command}, flags...)...)
		w.wire.turn.Unlock()
		code := w.tool.wait(w.history)
		w.wire.settle()
		if code == exitAgain && w.pending() == pending {
			idle++
		}
		switch {
		case code == killed && command == "load" && w.stops && w.pending() == 0:
			return killed
		case code != killed && code != exitAgain:
			return code
		}
		if n == 0 && command == "load" {
			flags = append(flags, "--resume")
		}
	}
}

// pending is how many events are still to come.
func (w *writing) pending() (n int) {
	for _, e := range w.events {
		if !e.done {
			n++
		}
	}
	return n
}
