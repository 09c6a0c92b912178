package history

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// A reading is a history of a dump: a source that changes between two commands of pikadump,
// connections that are cut, and runs that are killed and resumed.
type reading struct {
	*history
	p      *pika
	heads  []string // what names begin with
	types  []format.Type
	match  string // what the names of the dump begin with
	flags  []string
	events []*event

	mu    sync.Mutex
	seen  map[string]int         // commands of each class
	scans map[string][][2]string // of each key: cursor and COUNT since its first piece
	large bool                   // the source holds more than a tool may keep
	run1  *process
	waits chan struct{} // closed with the next command; nil: nothing waits for it
}

// What names begin with, and the pattern for it.
var heads = [][2]string{
	{"order-", "order-*"}, {"order:", "order:*"}, {"tenant-0001:order-events:", "tenant-0001:order-events:*"}, {`a\b`, `a\\b*`}, {"x^y", "x^y*"},
	{"k[1]", `k\[1]*`}, {"q*", `q\**`}, {"\xff\xfe", "\xff\xfe*"}, {"s", "s*"}, {"é ", "é *"}, {"w?-", `w\?-*`},
}

func newReading(h *history) *reading {
	h.Helper()
	r := &reading{history: h, seen: map[string]int{}, scans: map[string][][2]string{}, types: format.Types}
	v := one(h.rng, pikasim.V340, pikasim.V355, pikasim.V401)
	config := map[string]string{}
	if h.chance(2) {
		config["max-client-response-size"] = strconv.Itoa(200 + h.rng.IntN(1500))
	}
	r.p = startPika(h, v, config, r.before)
	h.tell("Pika %s %v", v, config)
	r.p.meanwhile(r.fill)
	r.draw()
	return r
}

// fill writes what is there before the dump.
func (r *reading) fill() {
	p := r.p
	for range 1 + r.rng.IntN(3) {
		r.heads = append(r.heads, one(r.rng, heads...)[0])
	}
	names, twins := 0, 1+r.rng.IntN(4) // names in several types
	for range 8 + r.rng.IntN(30) {
		if names == 0 || p.oneType() || !r.chance(twins) || !on("twins") {
			names++
		}
		r.create(id{one(r.rng, kinds...), r.nameOf(r.rng.IntN(names))})
	}
	for i := range r.rng.IntN(200) { // many small ones
		if r.chance(2) {
			r.create(id{format.Stream, r.nameOf(1000 + i)})
		}
	}
	if r.chance(25) {
		r.fillLarge()
	}
	if p.oneType() && r.chance(4) && on("far expiry") {
		name := r.nameOf(2000)
		p.put(id{format.String, name}, p.value(format.String, 1, 10))
		p.expire(name, 9_000_000_000_000_000)
	}
}

// fillLarge writes many small strings, and behind them large ones, which are too much for one
// reply.
func (r *reading) fillLarge() {
	r.large = true
	r.Cleanup(debug.FreeOSMemory)
	pipe, text := r.p.c.Pipeline(), strings.Repeat("large", 200_000)
	put := func(name, text string) {
		pipe.Do(context.Background(), "SET", name, text)
		r.p.ledger.put(id{format.String, name}, &value{kind: format.String, text: text})
	}
	for i := range 500 {
		put(fmt.Sprintf("%s:1:%d", r.heads[0], i), "small")
	}
	for i := range 120 {
		put(fmt.Sprintf("%s:2:%d", r.heads[0], i), text)
	}
	_, err := pipe.Exec(context.Background())
	r.must(err)
}

func (r *reading) nameOf(i int) string { return r.heads[i%len(r.heads)] + strconv.Itoa(i) }

// create makes a key, if there is none.
func (r *reading) create(i id) {
	p := r.p
	if i.kind == format.Stream && p.version == pikasim.V340 {
		i.kind = format.Set
	}
	for _, k := range kinds {
		if p.ledger.now(id{k, i.name}) != nil && (k == i.kind || p.oneType() || !on("twins")) {
			return
		}
	}
	n, size := 1+r.rng.IntN(6), 30
	if r.chance(4) {
		n, size = 70+r.rng.IntN(250), 20+r.rng.IntN(60)
	}
	v := p.value(i.kind, n, size)
	if r.chance(3) && i.kind != format.Stream && !(len(v.elems) > 0 && !p.oneType() && r.chance(2)) {
		v.expire = p.inSeconds(int64(10 + r.rng.IntN(5000)))
	}
	p.put(i, v)
}

// draw draws the flags and what happens.
func (r *reading) draw() {
	r.flags = []string{"--threads", one(r.rng, "1", "1", "1", "1", "1", "3"), "--quiet", "--chunk-size", "64KiB", "--reply-size", one(r.rng, "4KiB", "4KiB", "8KiB"), "--page-keys", one(r.rng, "2", "5", "16", "256")}
	if r.chance(3) {
		r.flags = append(r.flags, "--rate-keys", "1000000") // nothing goes ahead
	}
	if r.chance(3) {
		r.types = nil
		var words []string
		for _, t := range format.Types {
			if r.chance(2) && !(t == format.TypeStream && r.p.version == pikasim.V340) {
				r.types, words = append(r.types, t), append(words, string(t))
			}
		}
		if len(words) == 0 {
			r.types, words = []format.Type{format.TypeHash}, []string{"hash"}
		}
		r.flags = append(r.flags, "--type", strings.Join(words, ","))
	}
	if r.chance(3) {
		head := one(r.rng, heads...)
		if r.chance(2) {
			i := slices.IndexFunc(heads, func(h [2]string) bool { return h[0] == r.heads[0] })
			head = heads[i]
		}
		r.match = head[0]
		r.flags = append(r.flags, "--match", head[1])
	}
	for range r.rng.IntN(9) {
		e := &event{class: one(r.rng, "page", "ttl", "twin", "twin", "deep", "deep", "deep", "any"), do: one(r.rng, acts...), n: 1 + r.rng.IntN(60)}
		e.nth = 1 + r.rng.IntN(map[string]int{"page": 20, "ttl": 40, "twin": 8, "deep": 12, "any": 200}[e.class])
		if r.events = append(r.events, e); e.do == "stall" {
			r.flags = append(r.flags, "--timeout", "700ms")
		}
	}
}

// mostRuns is how often a dump is resumed.
const mostRuns = 8

// run makes the dump and judges it.
func (r *reading) run() {
	dir := filepath.Join(r.TempDir(), "dump")
	args := append([]string{"dump", "--uri", "redis://" + r.p.addr, "--out", dir}, r.flags...)
	begun := r.p.ledger.at
	var code int
	for n := 0; ; n++ {
		if n == mostRuns {
			r.broken("a dump that is resumed %d times does not end", n)
			return
		}
		r.mu.Lock() // a command that comes at once waits until the process is known
		r.run1 = r.start("pikadump", nil, args...)
		r.mu.Unlock()
		if code = r.run1.wait(r.history); code != killed && code != exitAgain {
			break
		}
		if n == 0 {
			args = append(args, "--resume")
		}
	}
	if !utf8.ValidString(strings.Join(args, "")) { // such a flag cannot be kept (docs/TROUBLESHOOTING.md)
		if code != exitUsage {
			r.broken("a --match of bytes that are no UTF-8 is not refused: %d", code)
		}
		return
	}
	if code != 0 && code != 3 {
		r.broken("the dump ended with %d: %s", code, tail(r.run1.stderr.String(), 500))
		return
	}
	d := r.readDump(dir)
	if (code == 3) != (len(d.listed) > 0) {
		r.broken("exit code %d, but %d keys are listed", code, len(d.listed))
	}
	var wrong []string
	for _, i := range r.p.ledger.ids() {
		got := d.keys[i]
		delete(d.keys, i)
		if !r.chosen(i) {
			if got != nil {
				wrong = append(wrong, fmt.Sprintf("%s is in the dump, but was not asked for", i))
			}
			continue
		}
		reason := d.listed[i]
		if why := judge(r.p.ledger.since(i, begun), got, reason != "", reason == expiryUnknown); why != "" {
			wrong = append(wrong, fmt.Sprintf("%s %s", i, why))
		}
	}
	for i := range d.keys {
		wrong = append(wrong, fmt.Sprintf("%s is in the dump and never was", i))
	}
	for _, text := range wrong {
		r.broken("%s", text)
	}
	if r.chance(3) && len(wrong) == 0 {
		r.verify(dir)
	}
}

// expiryUnknown is why a key is listed that is in the dump, without its expiry.
const expiryUnknown = "expiry-unknown"

// chosen reports whether the flags ask for a key.
func (r *reading) chosen(i id) bool {
	return strings.HasPrefix(i.name, r.match) && slices.ContainsFunc(r.types, func(t format.Type) bool { return t.Holds(i.kind) })
}

// verify holds pikadump verify against the account.
func (r *reading) verify(dir string) {
	d := r.readDump(dir)
	differ, unsure := map[id]bool{}, false // unsure: an expiry that cannot be read may have been another one
	for i, v := range d.keys {
		if v.expire != 0 && v.expire < r.p.clock.Load() { // expired since: no difference
			continue
		}
		switch now := r.p.ledger.now(i); {
		case v.equal(now):
		case now != nil && v.same(now) && d.listed[i] == expiryUnknown:
			unsure = true
		default:
			differ[i] = true
		}
	}
	report := filepath.Join(r.TempDir(), "changed.jsonl")
	r.events = nil
	code := r.start("pikadump", nil, "verify", "--quiet", "--uri", "redis://"+r.p.addr, "--in", dir, "--report", report).wait(r.history)
	if want := map[bool]int{true: 4}[len(differ) > 0]; code != want && !(unsure && code == 4) {
		r.broken("pikadump verify ended with %d, want %d: %d keys have changed: %v", code, want, len(differ), differ)
	}
}
