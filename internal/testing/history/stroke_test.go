package history

import (
	"fmt"
	"slices"
	"strings"
)

// A stroke happens before the nth command of a tool that names a key of the dump.
type stroke struct {
	on   string // only commands of this name; empty: all
	nth  int
	do   string
	n    int
	done bool
}

var strokes = []string{"cut", "cut", "after", "after", "late", "late", "late", "stall", "stall", "kill", "kill", "kill after", "kill late", "other key", "same key", "another value", "expired key", "expired key"}

// alter has XINFO STREAM of some streams answered as Kvrocks does after XDEL, and CLIENT refused
// where it is.
func (w *writing) alter(args [][]byte) {
	if w.mute && strings.EqualFold(string(args[0]), "CLIENT") && len(args) > 1 && !strings.EqualFold(string(args[1]), "INFO") {
		args[0] = []byte("NOCLIENT")
	}
	if len(args) == 3 && strings.EqualFold(string(args[0]), "XINFO") && w.blind[string(args[2])] {
		args[2] = []byte("no such key")
	}
}

// keysOf returns the keys of the dump that a command names.
func (w *writing) keysOf(args [][]byte) (keys []string) {
	for _, a := range args[1:] {
		if key := string(a); w.dump[key] != nil {
			keys = append(keys, key)
		}
	}
	return keys
}

var writes = []string{"SET", "MSET", "APPEND", "HSET", "HMSET", "RPUSH", "SADD", "ZADD", "XADD", "XSETID", "DEL", "UNLINK", "PEXPIREAT"}

// note notes what the tools name.
func (w *writing) note(args [][]byte) {
	for _, key := range w.keysOf(args) {
		w.named[key] = true
		if slices.Contains(writes, strings.ToUpper(string(args[0]))) {
			w.wrote[key] = true
		}
	}
}

// before is called before each command of the tools.
func (w *writing) before(args [][]byte) fault {
	if len(w.keysOf(args)) == 0 {
		return none
	}
	command := strings.ToUpper(string(args[0]))
	w.seen[""]++
	w.seen[command]++
	if w.large {
		w.tool.watch(w.history)
	}
	f := none
	if w.release > 0 && w.seen[""] >= w.release {
		w.release = 0
		w.wire.release()
	}
	for _, e := range w.events {
		if e.done || e.on != "" && e.on != command || w.seen[e.on] < e.nth {
			continue
		}
		e.done = true
		w.tell("before command %d, %s %.40q: %s", w.seen[""], command, args[1], e.do)
		if f = w.strike(e); f != none {
			break
		}
	}
	return f
}

// strike lets an event happen.
func (w *writing) strike(e *stroke) fault {
	var unnamed, gone []string
	begun := w.begun()
	if !on(e.do) {
		return none
	}
	for _, key := range w.keys() {
		switch v := w.dump[key]; {
		case w.over(v) && w.prior[key] == nil:
			gone = append(gone, key)
		case !w.over(v) && !w.named[key] && w.prior[key] == nil && !begun[w.unit[key]]:
			unnamed = append(unnamed, key)
		}
	}
	switch e.do {
	case "cut":
		return cut
	case "after":
		return after
	case "late":
		w.release = w.seen[""] + e.n
		return late
	case "stall":
		w.release = w.seen[""] + e.n
		return stall
	case "kill", "kill after", "kill late":
		w.tool.kill()
		switch e.do {
		case "kill after":
			return after
		case "kill late":
			w.release = w.seen[""] + e.n
			return late
		}
		return cut
	case "other key":
		w.other(fmt.Sprint("other", e.nth))
	case "same key", "another value":
		if len(unnamed) == 0 || !w.stops && w.policy != "skip" {
			return none
		}
		key := one(w.rng, unnamed...)
		v := fresh(w.dump[key])
		if e.do == "another value" || w.refused(v) {
			v = w.value(one(w.rng, kinds...), 1+w.rng.IntN(5), 20)
		} else if len(v.elems) > 1 && w.chance(3) { // a part of it
			v = fresh(v.without(len(v.elems)/2, len(v.elems)))
		}
		w.tell("others write %q, %v", key, v)
		write(w.c, key, v)
		w.prior[key] = v
		w.exempt[key] = w.policy != "skip"
	case "expired key":
		if len(gone) == 0 || w.policy == "replace" {
			return none
		}
		key := one(w.rng, gone...)
		v := w.value(one(w.rng, kinds...), 1+w.rng.IntN(5), 20)
		w.tell("others write %q, %v, which has expired in the dump", key, v)
		write(w.c, key, v)
		w.prior[key] = v
	}
	return none
}

// begun returns the units that the load has begun.
func (w *writing) begun() map[int]bool {
	units := map[int]bool{}
	for key := range w.named {
		if w.wrote[key] || w.policy == "skip" && w.named[key] {
			units[w.unit[key]] = true
		}
	}
	return units
}
