package rewrite

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/filter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/leftout"
)

// TestPrefixNames: what becomes of a name comes back from it.
func TestPrefixNames(t *testing.T) {
	for _, tc := range []struct{ strip, add, key, name string }{
		{"", "new:", "a", "new:a"}, {"", "new:", "", "new:"}, {"old:", "", "old:a", "a"}, {"old:", "", "old:", ""},
		{"old:", "new:", "old:\x00\xff", "new:\x00\xff"}, {"a", "aa", "aaa", "aaaa"},
	} {
		p := Prefix{[]byte(tc.strip), []byte(tc.add)}
		name := p.Apply([]byte(tc.key))
		if name == nil || string(name) != tc.name || string(p.Source(name)) != tc.key {
			t.Errorf("%+v: %q, and back %q", tc, name, p.Source(name))
		}
	}
	p := Prefix{[]byte("old:"), []byte("new:")}
	if p.Apply([]byte("old")) != nil || p.Source([]byte("old:a")) != nil {
		t.Error("a name without the prefix becomes one")
	}
}

// TestExpire: expiries at the edges.
func TestExpire(t *testing.T) {
	const now, far = 1_700_000_000_000, int64(1<<63 - 1)
	for _, tc := range []struct {
		r      Rules
		expire int64
		want   int64
		short  bool
	}{
		{Rules{Options: Options{TTL: TTL{Mode: Keep}}, began: now}, now + 1, now + 1, false},
		{Rules{Options: Options{TTL: TTL{Mode: Keep, Min: 1e9}}, began: now}, now + 999, now + 999, true},
		{Rules{Options: Options{TTL: TTL{Mode: Keep, Min: 1e9}}, began: now}, now + 1000, now + 1000, false},
		{Rules{Options: Options{TTL: TTL{Mode: Keep, Min: 1e9}}, began: now}, now, now, false}, // it is expired
		{Rules{Options: Options{TTL: TTL{Mode: Keep, Min: 1e9}}, began: now}, 0, 0, false},
		{Rules{Options: Options{TTL: TTL{Mode: Drop}}, began: now}, 5, 0, false},
		{Rules{Options: Options{TTL: TTL{Mode: Shift}}, began: now, shift: 500}, now, now + 500, false},
		{Rules{Options: Options{TTL: TTL{Mode: Shift, Min: 1e9}}, began: now, shift: 500}, now, now + 500, true},
		{Rules{Options: Options{TTL: TTL{Mode: Shift}}, began: now, shift: 500}, 0, 0, false},
		{Rules{Options: Options{TTL: TTL{Mode: Shift}}, began: now, shift: 500}, far - 3, far, false},
		{Rules{Options: Options{TTL: TTL{Mode: Shift}}, began: now, shift: -500}, 3, 1, false}, // clocks that differ
	} {
		if got, short := tc.r.Expire(tc.expire); got != tc.want || short != tc.short {
			t.Errorf("%+v: %d becomes %d, %v; want %d, %v", tc.r.Options, tc.expire, got, short, tc.want, tc.short)
		}
	}
}

// dump is a Dump of a few names.
type dump struct {
	conflicts []archive.ConflictKey
	keys      []string
}

func (d dump) Conflicts(each func(archive.ConflictKey) error) error {
	for _, k := range d.conflicts {
		k.Types = slices.Clone(k.Types)
		if err := each(k); err != nil {
			return err
		}
	}
	return nil
}

func (d dump) Missing(_ int, _ func(format.ChunkInfo) bool, keys [][]byte, lacks func([]byte) error) error {
	for _, k := range keys {
		if !slices.Contains(d.keys, string(k)) {
			if err := lacks(k); err != nil {
				return err
			}
		}
	}
	return nil
}

// TestRename: what becomes of names that exist under several types, and of all others.
func TestRename(t *testing.T) {
	d := dump{
		conflicts: []archive.ConflictKey{{DB: 0, Key: []byte("p:a"), Types: []format.Type{format.TypeString, format.TypeHash, format.TypeSet}}},
		keys:      []string{"p:a", "p:b:hash", "q"},
	}
	for _, tc := range []struct {
		o       Options
		types   string // of the filter
		kind    format.Kind
		db      int
		key     string
		want    string // empty: unchanged
		leftOut string
	}{
		{Options{Conflict: First}, "", format.String, 0, "p:a", "", ""},
		{Options{Conflict: First}, "", format.HyperLogLog, 0, "p:a", "", ""},
		{Options{Conflict: First}, "", format.Hash, 0, "p:a", "", leftout.Conflict},
		{Options{Conflict: First}, "", format.Hash, 1, "p:a", "", ""},
		{Options{Conflict: First}, "", format.Hash, 0, "p:b", "", ""},
		{Options{Conflict: First}, "set,hash", format.Hash, 0, "p:a", "", ""},
		{Options{Conflict: First}, "set,hash", format.Set, 0, "p:a", "", leftout.Conflict},
		{Options{Conflict: Fail}, "hash", format.Hash, 0, "p:a", "", ""},
		{Options{Conflict: Suffix}, "", format.Hash, 0, "p:a", "p:a:hash", ""},
		{Options{Conflict: Suffix}, "", format.Set, 0, "p:a", "p:a:set", ""},
		{Options{Conflict: Suffix, Prefix: Prefix{[]byte("p:"), []byte("n:")}}, "", format.Set, 0, "p:a", "n:a:set", ""},
		{Options{Conflict: Suffix, Prefix: Prefix{[]byte("p:"), nil}}, "", format.String, 0, "p:a", "a", ""},
		{Options{Conflict: Suffix, Prefix: Prefix{[]byte("p:"), nil}}, "", format.String, 0, "q", "", leftout.Prefix},
	} {
		f := &filter.Filter{}
		for name := range strings.SplitSeq(tc.types, ",") {
			if name != "" {
				f.Types = append(f.Types, format.Type(name))
			}
		}
		rules, err := tc.o.Rules(d, f)
		if err != nil {
			t.Fatal(err)
		}
		if got, out := rules.Rename(tc.db, tc.kind, []byte(tc.key)); string(got) != tc.want || out != tc.leftOut {
			t.Errorf("%+v: %q, %q", tc, got, out)
		}
	}
}

// TestConflictsShare: names of the same types share the list of these.
func TestConflictsShare(t *testing.T) {
	of := []format.Type{format.TypeString, format.TypeHash}
	d := dump{conflicts: []archive.ConflictKey{{Key: []byte("a"), Types: of}, {Key: []byte("b"), Types: of}}}
	cs, err := collectConflicts(d, &filter.Filter{}, Options{Conflict: First})
	if err != nil || &cs.types[0]["a"][0] != &cs.types[0]["b"][0] {
		t.Errorf("%v, %v", cs.types, err)
	}
}

// TestConflictRefused: a name is never taken that the dump has already, nor one of several types
// without being told how.
func TestConflictRefused(t *testing.T) {
	d := dump{conflicts: []archive.ConflictKey{{Key: []byte("a"), Types: []format.Type{format.TypeString, format.TypeHash}}}, keys: []string{"a", "a:hash"}}
	for conflict, says := range map[Conflict]string{Fail: "1 name exists under several types", Suffix: `the name "a:hash", but db0`} {
		_, err := Options{Conflict: conflict}.Rules(d, &filter.Filter{})
		if !errors.Is(err, exitcode.ErrRefused) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", conflict, err)
		}
	}
	if _, err := (Options{Conflict: Fail, Loaded: true}).Rules(d, &filter.Filter{}); err == nil || !strings.Contains(err.Error(), "as at the load") {
		t.Errorf("after a load: %v", err)
	}
	rules, err := Options{Conflict: First}.Rules(d, &filter.Filter{})
	if err != nil || rules.SuffixedNames(0) != nil || rules.IsSuffixedName(0, []byte("a:hash")) {
		t.Errorf("first makes names up: %v", err)
	}
}
