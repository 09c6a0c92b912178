package verify

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

func clock(context.Context) time.Time { return noon }

// TestClockUnread: the server's clock is read only for a key that its time may explain: over a slow
// link each reading takes long.
func TestClockUnread(t *testing.T) {
	read := 0
	o := Options{Clock: func(ctx context.Context) time.Time {
		read++
		return noon
	}}
	dump := []*format.Record{str("equal", "x"), expiring(str("expires", "x"), noon.UnixMilli()+100_000), str("missing", "x")}
	check(t, o, holding(dump[:2]...), dump)
	if read > 0 {
		t.Errorf("it was read %d times", read)
	}
	found, _ := check(t, o, holding(), []*format.Record{expiring(str("expired", "x"), noon.UnixMilli()-1)})
	if mustFind(t, found, map[string]Class{"expired": ExpiredSince}); read == 0 {
		t.Error("it was not read")
	}
}

// TestExplained: what the load, the policies and the time account for is shown, but is no
// difference.
func TestExplained(t *testing.T) {
	ms := noon.UnixMilli()
	dump := []*format.Record{
		str("a loser", "x"), str("equal", "x"), expiring(str("expired", "x"), ms-1), expiring(str("expired at once", "x"), ms+900),
		expiring(str("expires soon", "x"), ms+1100), expiring(str("expired and changed", "x"), ms-1),
		str("left as it was", "x"), str("left out", "x"), str("renamed", "x"), expiring(str("rounded", "x"), ms+5400), expiring(str("too far", "x"), ms+5400),
		coll(format.Hash, "with a field left out", "a", "1", "b", "2"),
		zset("zero", math.Copysign(0, -1), "m"), zset("zero the other way", 0, "m"), zset("refused", math.NaN(), "m", "n"),
	}
	m := holding(str("equal", "x"), str("left as it was", "y"), str("new name", "x"), expiring(str("rounded", "x"), ms+5000), expiring(str("too far", "x"), ms+4000),
		expiring(str("expired and changed", "y"), ms-1), coll(format.Hash, "with a field left out", "b", "2"),
		zset("zero", 0, "m"), zset("zero the other way", math.Copysign(0, -1), "m"))
	o := Options{
		RoundedMs: 1000, NoZeroSign: true, Refuses: math.IsNaN, Clock: clock,
		Name: func(_ int, _ format.Kind, key []byte) ([]byte, Class) {
			switch string(key) {
			case "a loser":
				return nil, ConflictLoser
			case "renamed":
				return []byte("new name"), Renamed
			}
			return nil, ""
		},
		LeftOut: func(_ int, _ format.Kind, key, member []byte) bool {
			return member == nil && strings.HasPrefix(string(key), "left") || string(member) == "a"
		},
	}
	found, tally := check(t, o, m, dump)
	mustFind(t, found, map[string]Class{
		"a loser": ConflictLoser, "expired": ExpiredSince, "expired at once": ExpiredSince, "expires soon": Missing,
		"expired and changed": ExpiredSince, "left as it was": LeftOut, "left out": LeftOut, "renamed": Renamed, "rounded": ExpiryRounded, "too far": ExpiryDiffers,
		"with a field left out": LeftOut, "zero": ZeroSign, "zero the other way": WrongValue, "refused": LeftOut,
	})
	if differ, extra := tally.Differing(); differ != 3 || extra != 0 || tally.Keys() != int64(len(dump)) {
		t.Errorf("%d of %d keys differ, want 3 of %d", differ, tally.Keys(), len(dump))
	}
	if d := found["renamed"]; len(d) == 1 && string(d[0].NewName) != "new name" {
		t.Errorf("the new name is %q", d[0].NewName)
	}
}

// TestRounds: only what differs in every round is reported, and each round behind the first asks
// for nothing else.
func TestRounds(t *testing.T) {
	var dump []*format.Record
	m := holding()
	for i := range 3000 {
		r := str(fmt.Sprintf("key:%05d", i), "x")
		dump = append(dump, r)
		if i%10 != 0 {
			m.keys[string(r.Key)] = r
		}
	}
	found, tally := check(t, Options{}, m, dump, func() {
		for i := 0; i < 3000; i += 20 {
			m.keys[string(dump[i].Key)] = dump[i]
		}
		m.keys[string(dump[1].Key)] = str("key:00001", "changed too late")
	}, func() { m.keys[string(dump[10].Key)] = dump[10] })
	want := map[string]Class{}
	for i := 30; i < 3000; i += 20 {
		want[string(dump[i].Key)] = Missing
	}
	mustFind(t, found, want)
	if differ, _ := tally.Differing(); differ != int64(len(want)) || tally.Keys() != 3000 {
		t.Errorf("%d of %d differ", differ, tally.Keys())
	}
}

// TestPieces: keys of many records on either side, cut at different places, are equal; and one
// change anywhere is found.
func TestPieces(t *testing.T) {
	const n = 3000
	var pairs, members []string
	entries := make([]format.Entry, 0, n)
	for i := range n {
		e := fmt.Sprintf("e%06d", i)
		pairs, members = append(pairs, e, e), append(members, e)
		entries = append(entries, format.Entry{ID: format.StreamID{Ms: uint64(i + 1)}, Fields: bs("f", e)})
	}
	large := func() []*format.Record {
		return []*format.Record{
			coll(format.Hash, "hash", pairs...), coll(format.List, "list", members...), coll(format.Set, "set", members...),
			{Kind: format.Stream, Key: []byte("stream"), Part: format.PartWhole, Entries: entries,
				State: &format.StreamState{LastID: format.StreamID{Ms: n}, EntriesAdded: n}},
			str("string", strings.Repeat("0123456789", 450_000)), zset("zset", 1.5, members...),
		}
	}
	parts := func(size int) (list []*format.Record) {
		for _, r := range large() {
			list = append(list, cut(r, size)...)
		}
		return list
	}
	for _, sizes := range [][2]int{{700, 411}, {512, 512}, {n, 1}, {5, n}, {1000, 0}} {
		m := holding(large()...)
		m.parts = sizes[1]
		found, _ := check(t, Options{}, m, parts(sizes[0]))
		mustFind(t, found, map[string]Class{})
		found, _ = check(t, Options{KeysOnly: true}, m, parts(sizes[0]))
		mustFind(t, found, map[string]Class{})
	}
	for at := 0; at < n; at += 998 {
		changed := large()
		changed[0].Elems[2*at+1] = []byte("X")
		changed[1].Elems[at] = []byte("X")
		changed[2].Elems = append(bs(members[:at]...), bs(members[at+1:]...)...)
		changed[3].Entries = append(append([]format.Entry{}, entries[:at]...), entries[at+1:]...)
		changed[4].Value[at*1500] = 'X'
		changed[5].Scores[at] = 2
		m := holding(changed...)
		m.parts = 600
		found, _ := check(t, Options{}, m, parts(700))
		mustFind(t, found, map[string]Class{
			"hash": WrongValue, "list": WrongValue, "set": MissingElements, "stream": MissingElements, "string": WrongValue, "zset": WrongValue,
		})
		for _, list := range found {
			if list[0].Count != 1 {
				t.Errorf("%s: %d elements, want 1", list[0].Kind, list[0].Count)
			}
		}
	}
}

// TestExtra: elements that only the server has are counted, wherever they stand.
func TestExtra(t *testing.T) {
	want := []*format.Record{coll(format.Hash, "hash", "b", "1", "d", "1"), coll(format.List, "list", "a"), coll(format.Set, "set", "b", "d"), zset("zset", 1, "b", "d")}
	m := holding(coll(format.Hash, "hash", "a", "1", "b", "1", "c", "1", "d", "1", "e", "1"), coll(format.List, "list", "a", "b", "c", "d"),
		coll(format.Set, "set", "a", "b", "c", "d", "e"), zset("zset", 1, "a", "b", "c", "d", "e"))
	for _, o := range []Options{{}, {KeysOnly: true}} {
		found, _ := check(t, o, m, want)
		mustFind(t, found, map[string]Class{"hash": ExtraElements, "list": ExtraElements, "set": ExtraElements, "zset": ExtraElements})
		for key, list := range found {
			if list[0].Count != 3 {
				t.Errorf("%s: %d extra, want 3", key, list[0].Count)
			}
		}
	}
}

// TestFlights: keys are asked for many at a time, and never without bound.
func TestFlights(t *testing.T) {
	var dump []*format.Record
	for i := range 2000 {
		dump = append(dump, str(fmt.Sprintf("key:%05d", i), strings.Repeat("x", 10)))
	}
	m := holding(dump...)
	check(t, Options{}, m, dump)
	if m.most != flightQuestions || m.read > 10 {
		t.Errorf("%d flights of up to %d keys", m.read, m.most)
	}
	for _, r := range dump {
		r.Value = []byte(strings.Repeat("x", 50_000))
	}
	m = holding(dump...)
	check(t, Options{}, m, dump)
	if m.most > 12 {
		t.Errorf("%d values of 50,000 bytes in one flight", m.most)
	}
}
