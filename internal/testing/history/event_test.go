package history

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// An event happens before the nth command of a class.
type event struct {
	class string
	nth   int
	do    string
	n     int
	done  bool
}

// acts are what can happen, as often as they stand here.
var acts = []string{
	"expire", "expire", "expire", "delete", "delete", "recreate", "recreate", "retype", "retype", "shift", "shift", "shift", "queue", "queue",
	"push front", "add", "change", "change", "rival", "rival", "rival", "expire later", "persist", "pass", "new key", "cut", "stall", "kill", "kill",
}

// classes returns what a command is, and which key it is for.
func (r *reading) classes(args [][]byte) (classes []string, key string, kind format.Kind) {
	word := func(i int) string {
		if i < len(args) {
			return string(args[i])
		}
		return ""
	}
	deep := false
	switch name := strings.ToLower(word(0)); name {
	case "pkscanrange", "scanx", "keys":
		return []string{"any", "page"}, "", 0
	case "ttl", "pttl":
		types := 0
		for _, k := range kinds {
			if r.p.ledger.now(id{k, word(1)}) != nil {
				types++
			}
		}
		if types > 1 {
			return []string{"any", "ttl", "twin"}, word(1), 0
		}
		return []string{"any", "ttl"}, word(1), 0
	case "pkhscanrange", "hscanx":
		deep, kind = word(2) != "", format.Hash
	case "sscan", "zscan":
		deep, kind = word(2) != "0", format.Set
		if name == "zscan" {
			kind = format.Zset
		}
	case "lrange":
		deep, kind = word(2) != "0", format.List
	case "xrange":
		deep, kind = word(2) != "-", format.Stream
	default:
		return nil, "", 0
	}
	if r.p.ledger.keys[id{kind, word(1)}] == nil { // a probe
		return nil, "", 0
	}
	if classes = []string{"any", "piece"}; deep {
		classes = append(classes, "deep")
	}
	return classes, word(1), kind
}

// mostLists is how many listings of streams are too many.
const mostLists = 30_000

// before is called before each command of the tools.
func (r *reading) before(args [][]byte) (cut bool) {
	cut, stalled := r.look(args)
	if stalled {
		select {
		case <-r.next():
		case <-r.run1.ended:
		}
		return true
	}
	return cut
}

// next returns what is closed with the next command.
func (r *reading) next() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waits = make(chan struct{})
	return r.waits
}

// look lets happen what happens before a command. If it is stalled it is answered never.
func (r *reading) look(args [][]byte) (cut, stalled bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waits != nil {
		close(r.waits)
		r.waits = nil
	}
	classes, key, kind := r.classes(args)
	for _, c := range classes {
		r.seen[c]++
	}
	if r.large && len(classes) > 0 && (classes[len(classes)-1] != "ttl" || r.seen["ttl"]%16 == 0) {
		r.run1.watch(r.history)
	}
	if kind == format.Set || kind == format.Zset {
		cursor, count := string(args[2]), "10"
		if i := slices.IndexFunc(args, func(a []byte) bool { return bytes.EqualFold(a, []byte("count")) }); i > 0 {
			count = string(args[i+1])
		}
		if cursor == "0" {
			r.scans[key] = nil
		}
		defer func() { r.scans[key] = append(r.scans[key], [2]string{cursor, count}) }()
	}
	if strings.EqualFold(string(args[0]), "keys") {
		if r.seen["keys"]++; r.seen["keys"] == mostLists {
			r.broken("the streams are listed for ever")
			r.run1.kill()
			return true, false
		}
	}
	for _, e := range r.events {
		if e.done || !slices.Contains(classes, e.class) || r.seen[e.class] < e.nth {
			continue
		}
		if e.do == "rival" && len(r.scans[key]) == 0 {
			continue // it waits for a scan
		}
		e.done = true
		if e.do == "stall" {
			r.tell("before %s %d, of %q: the source stalls", e.class, e.nth, key)
			return cut, true
		}
		r.p.meanwhile(func() { cut = r.happen(e, key, kind) || cut })
	}
	return cut, false
}

// happen lets an event happen. The key, if there is one, is that of the command.
func (r *reading) happen(e *event, key string, kind format.Kind) (cut bool) {
	p := r.p
	var there []id
	for _, i := range p.ledger.ids() {
		if p.ledger.now(i) != nil && (key == "" || i.name == key) && (kind == 0 || i.kind == kind) {
			there = append(there, i)
		}
	}
	if len(there) == 0 {
		return false
	}
	i := one(r.rng, there...)
	if e.n%7 == 0 { // elsewhere
		all := slices.DeleteFunc(p.ledger.ids(), func(i id) bool { return p.ledger.now(i) == nil })
		i = one(r.rng, all...)
	}
	if v := p.ledger.now(i); !on("piecemeal") && len(v.elems) > 6 && slices.Contains([]string{"expire", "delete", "recreate", "retype", "pass"}, e.do) ||
		!on("queue") && len(v.elems) > 6 && i.kind == format.List || e.do == "rival" && !on("rival") || e.do == "retype" && !p.oneType() && !on("twins") {
		return false
	}
	r.tell("before %s %d, of %q: %s %s (%v)", e.class, e.nth, key, e.do, i, p.ledger.now(i))
	switch e.do {
	case "expire":
		if v := p.ledger.now(i); v.expire != 0 && v.expire < 1e13 {
			p.pass(time.Duration(v.expire-p.clock.Load())*time.Millisecond + time.Second)
		} else if i.kind != format.Stream {
			p.expire(i.name, p.inSeconds(5))
			p.pass(7 * time.Second)
		}
	case "delete":
		p.del(i.name)
	case "recreate":
		p.del(i.name)
		p.put(i, p.value(i.kind, e.n, 20))
	case "retype":
		if p.oneType() || r.chance(3) {
			p.del(i.name)
		}
		r.create(id{one(r.rng, kinds...), i.name})
	case "shift":
		if i.kind != format.String {
			p.removeFront(i, e.n)
		}
	case "queue":
		if i.kind != format.String {
			p.add(i, e.n, false)
			p.removeFront(i, e.n)
		}
	case "push front":
		if i.kind != format.String {
			p.add(i, e.n, true)
		}
	case "add":
		if i.kind != format.String {
			p.add(i, e.n, false)
		}
	case "change":
		p.change(i, min(e.n, 5))
	case "rival":
		if i.kind == format.Set || i.kind == format.Zset {
			p.removeFront(i, e.n)
			for _, s := range r.scans[i.name] {
				p.do(map[format.Kind]string{format.Set: "SSCAN", format.Zset: "ZSCAN"}[i.kind], i.name, s[0], "COUNT", s[1])
			}
		}
	case "expire later":
		if i.kind != format.Stream {
			p.expire(i.name, p.inSeconds(int64(100+100*e.n)))
		}
	case "persist":
		p.persist(i.name)
	case "pass":
		p.pass(time.Duration(e.n) * 10 * time.Second)
	case "new key":
		r.create(id{one(r.rng, kinds...), r.nameOf(3000 + e.n)})
	case "cut":
		return true
	case "kill":
		r.run1.kill()
		return true
	}
	return false
}
