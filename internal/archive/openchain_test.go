package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/s3server"
)

// A modelKey is a key of one type, and a model what stands there: elements, joined.
type modelKey struct {
	db  int
	typ format.Type
	key string
}

type model map[modelKey]string

// A history is a base and deltas that random writes made, and what they amount to.
type history struct {
	rnd   *rand.Rand
	dbs   []int
	types []format.Type
	now   model
	skips map[modelKey]string // the reason
	keys  []string
	big   int  // bytes of a large element
	many  bool // chunks are many
}

func newHistory(seed uint64, big int) *history {
	h := &history{rnd: rand.New(rand.NewPCG(seed, 1)), dbs: []int{0, 3}, types: []format.Type{format.TypeString, format.TypeList, format.TypeSet},
		now: model{}, skips: map[modelKey]string{}, big: big}
	for range 12 {
		key := []byte{}
		for range h.rnd.IntN(4) {
			key = append(key, "\x00ab\xff"[h.rnd.IntN(4)])
		}
		h.keys = append(h.keys, string(key))
	}
	slices.Sort(h.keys)
	h.keys = slices.Compact(h.keys)
	return h
}

// records returns a random key in random parts, and what it amounts to.
func (h *history) records(typ format.Type, key string) (recs []format.Record, value string) {
	parts := 1
	if h.rnd.IntN(4) == 0 {
		parts = 2 + h.rnd.IntN(9)
	}
	for p := range parts {
		size := 1 + h.rnd.IntN(200)
		if h.big > 0 && h.rnd.IntN(3) == 0 {
			size = h.big
		}
		elem := noise(h.rnd.Uint64(), size)
		r := format.Record{Key: []byte(key)}
		switch typ {
		case format.TypeString:
			r.Kind, r.Value = format.String, []byte(elem)
		case format.TypeList:
			r.Kind, r.Elems = format.List, [][]byte{[]byte(elem)}
		default:
			r.Kind, r.Elems = format.Set, [][]byte{[]byte(elem)}
		}
		if p == 0 {
			r.Part |= format.PartFirst
		}
		if p == parts-1 {
			r.Part |= format.PartLast
		}
		recs = append(recs, r)
		value += elem
	}
	return recs, value
}

// write writes a dump: of a full one all keys, each with some probability, of a delta some names,
// each in all types.
func (h *history) write(t *testing.T, location string, info *format.Info, keys encryption.Keys) {
	t.Helper()
	chunk := int64(1 << 20)
	if h.many { // a chunk for each key, or for each frame of a large one
		chunk = 1
	}
	w, err := Create(t.Context(), location, *info, Options{ChunkBytes: chunk, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, db := range h.dbs {
		named := map[string]bool{}
		for _, key := range h.keys {
			named[key] = info.Delta == nil || h.rnd.IntN(4) == 0
		}
		for _, typ := range h.types {
			s := w.Segment(db, typ, nil)
			for _, key := range h.keys {
				if !named[key] {
					continue
				}
				at := modelKey{db, typ, key}
				switch n := h.rnd.IntN(16); {
				case n == 0: // skipped: what there was of it stays
					reason := "reason " + strconv.Itoa(h.rnd.IntN(3))
					if err := s.Skip([]byte(key), reason, ""); err != nil {
						t.Fatal(err)
					}
					h.skips[at] = reason
				case n < 9:
					recs, value := h.records(typ, key)
					for i := range recs {
						if err := s.Record(&recs[i]); err != nil {
							t.Fatal(err)
						}
					}
					h.now[at] = value
					delete(h.skips, at)
				case info.Delta != nil:
					r := deleted(key)
					if err := s.Record(&r); err != nil {
						t.Fatal(err)
					}
					delete(h.now, at)
					delete(h.skips, at)
				}
			}
			if err := s.Close(nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := w.Finish(nil, true); err != nil {
		t.Fatal(err)
	}
}

// compare reads the archive in every way, and compares it with the model.
func (h *history) compare(t *testing.T, a *Archive) {
	t.Helper()
	got := model{}
	var last modelKey
	open := false
	for _, u := range a.Units(func(c format.ChunkInfo) bool { return c.Records > 0 }) {
		src := a.OpenUnit(u)
		for {
			r, err := src.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			at := modelKey{u[0].DB, u[0].Type, string(r.Key)}
			switch first := r.Part&format.PartFirst != 0; {
			case r.Kind.Type() != u[0].Type:
				t.Fatalf("%v: a record of kind %v", at, r.Kind)
			case open && (first || at != last), !open && !first:
				t.Fatalf("%v: part %d after %v", at, r.Part, last)
			case first && (at.db == last.db && at.typ == last.typ && at.key < last.key || has(got, at)):
				t.Fatalf("%v comes after %v", at, last)
			}
			open, last = r.Part&format.PartLast == 0, at
			got[at] += string(r.Value) + string(bytes.Join(r.Elems, nil))
		}
		if open {
			t.Fatalf("%v is not whole", last)
		}
		if src.Read() != u.Stored() {
			t.Errorf("%d of %d bytes were read", src.Read(), u.Stored())
		}
		if err := src.Close(); err != nil {
			t.Fatal(err)
		}
	}
	h.sameAs(t, "units", got)
	for _, db := range h.dbs {
		f := a.Finder(db)
		for _, key := range h.keys {
			if h.rnd.IntN(3) == 0 {
				key += "\x00" // most likely is not there
			}
			found := model{}
			find := f.Find
			if h.rnd.IntN(5) == 0 {
				find = func(key []byte, emit func(*format.Record) error) error { return a.Find(db, key, emit) }
			}
			err := find([]byte(key), func(r *format.Record) error {
				found[modelKey{db, r.Kind.Type(), key}] += string(r.Value) + string(bytes.Join(r.Elems, nil))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, typ := range h.types {
				if at := (modelKey{db, typ, key}); found[at] != h.now[at] {
					t.Errorf("found %.20q of %v, want %.20q", found[at], at, h.now[at])
				}
			}
		}
		f.Close()
	}
	h.compareNames(t, a)
}

func has(m model, at modelKey) bool { _, ok := m[at]; return ok && m[at] == "" }

func (h *history) sameAs(t *testing.T, what string, got model) {
	t.Helper()
	if maps.Equal(got, h.now) {
		return
	}
	for at, v := range h.now {
		if got[at] != v {
			t.Errorf("%s: %v is %.20q, want %.20q", what, at, got[at], v)
		}
	}
	for at := range got {
		if _, ok := h.now[at]; !ok {
			t.Errorf("%s: %v is there", what, at)
		}
	}
	t.FailNow()
}

func (h *history) compareNames(t *testing.T, a *Archive) {
	t.Helper()
	names, conflicts, lacking := "", "", ""
	wantNames, wantConflicts, wantLacking := "", "", ""
	for _, db := range h.dbs {
		var asked [][]byte
		for _, key := range h.keys {
			asked = append(asked, []byte(key), []byte(key+"\x00!"))
			var types []format.Type
			for _, typ := range h.types {
				if _, ok := h.now[modelKey{db, typ, key}]; ok {
					types = append(types, typ)
				}
			}
			if len(types) > 0 {
				wantNames += fmt.Sprintf("%d %q %v\n", db, key, types)
			} else {
				wantLacking += fmt.Sprintf("%d %q\n", db, key)
			}
			if len(types) > 1 {
				wantConflicts += fmt.Sprintf("%d %q %v\n", db, key, types)
			}
			wantLacking += fmt.Sprintf("%d %q\n", db, key+"\x00!")
		}
		slices.SortFunc(asked, bytes.Compare)
		err := errors.Join(
			a.Keys(db, allChunks, func(key []byte, types []format.Type) error {
				names += fmt.Sprintf("%d %q %v\n", db, key, types)
				return nil
			}),
			a.Missing(db, allChunks, asked, func(key []byte) error {
				lacking += fmt.Sprintf("%d %q\n", db, key)
				return nil
			}))
		if err != nil {
			t.Fatal(err)
		}
	}
	skipped, several := map[modelKey]string{}, []ConflictKey(nil) // they are kept by who asks for them
	err := errors.Join(
		a.Conflicts(func(k ConflictKey) error {
			several = append(several, k)
			return nil
		}),
		a.Skipped(func(k SkippedKey) error {
			skipped[modelKey{k.DB, k.Type, string(k.Key)}] = k.Reason
			return nil
		}))
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range several {
		conflicts += fmt.Sprintf("%d %q %v\n", k.DB, k.Key, k.Types)
	}
	sorted := func(s string) string { return strings.Join(slices.Sorted(strings.Lines(s)), "") }
	if names != wantNames || conflicts != wantConflicts || sorted(lacking) != sorted(wantLacking) {
		t.Errorf("names\n%swant\n%sconflicts\n%swant\n%slacking\n%swant\n%s", names, wantNames, conflicts, wantConflicts, lacking, wantLacking)
	}
	if !maps.Equal(skipped, h.skips) {
		t.Errorf("skipped %v, want %v", skipped, h.skips)
	}
}

// randomChain writes a base and n deltas, and returns what they amount to.
func randomChain(t *testing.T, seed uint64, big, n int, base, chain string, keys encryption.Keys) *history {
	t.Helper()
	h := newHistory(seed, big)
	h.many = big > 0 || n == 1
	if n > maxAbove { // files are synced: few of them
		h.dbs, h.keys = h.dbs[:1], h.keys[:6]
	}
	info := setsInfo()
	info.Options.Databases, info.Options.Types = h.dbs, h.types
	h.write(t, base, &info, keys)
	for i := range n {
		info = deltaOf(&info, i+1)
		h.write(t, DeltaPath(chain, i+1), &info, keys)
	}
	return h
}

// TestOpenChain: random bases and deltas, huge keys and keys over several chunks among them, are
// what a map says they are, whichever way they are read.
func TestOpenChain(t *testing.T) {
	rounds := 6
	if s := os.Getenv("CHAINS"); s != "" {
		rounds, _ = strconv.Atoi(s)
	}
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(rounds) {
		var keys encryption.Keys
		n, big := []int{0, 2, 1, 2*maxMerged + 3, 6, maxAbove + 1}[seed%6], 0
		switch seed % 6 {
		case 1:
			big = 300_000
		case 5:
			keys = encryption.Keys{Recipients: []age.Recipient{id.Recipient()}, Identities: []age.Identity{id}}
		}
		dir := t.TempDir()
		base, chain := filepath.Join(dir, "base"), filepath.Join(dir, "chain")
		h := randomChain(t, seed, big, n, base, chain, keys)
		members, err := Chain(t.Context(), chain, keys.Identities...)
		if err != nil {
			t.Fatal(err)
		}
		a, err := OpenChain(t.Context(), base, members, 1, keys.Identities...)
		if err != nil {
			t.Fatal(err)
		}
		if len(a.Deltas()) != n {
			t.Errorf("%d deltas, want %d", len(a.Deltas()), n)
		}
		if a.above != nil && (a.above.remove != nil) != (n > maxAbove) {
			t.Errorf("%d deltas, temporary ones: %v", n, a.above.remove != nil)
		}
		if a.above != nil && len(keys.Recipients) > 0 && !a.above.deltas[0].IsEncrypted() {
			t.Error("temporary deltas of encrypted ones are in clear")
		}
		h.compare(t, a)
		a.Close()
		if t.Failed() {
			t.Fatalf("seed %d, %d deltas", seed, n)
		}
		if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
	}
}

// TestOpenChainInBucket reads base and chain from a bucket.
func TestOpenChainInBucket(t *testing.T) {
	s := s3server.Start(t)
	h := randomChain(t, 1, 0, 2, s.URL("base"), s.URL("chain"), encryption.Keys{})
	members, err := Chain(t.Context(), s.URL("chain"))
	if err != nil {
		t.Fatal(err)
	}
	a, err := OpenChain(t.Context(), s.URL("base"), members, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	h.compare(t, a)
}

// TestOpenChainRefuses: what is damaged or missing is refused, and the file named, at once or when
// it is read.
func TestOpenChainRefuses(t *testing.T) {
	dir := t.TempDir()
	base, chain := filepath.Join(dir, "base"), filepath.Join(dir, "chain")
	h := randomChain(t, 1, 0, 3, base, chain, encryption.Keys{})
	other := filepath.Join(dir, "other")
	otherInfo := setsInfo()
	dumpOf(t, other, &otherInfo, encryption.Keys{})
	members, err := Chain(t.Context(), chain)
	if err != nil {
		t.Fatal(err)
	}
	read := func(base string) error {
		a, err := OpenChain(t.Context(), base, members, 1)
		if err != nil {
			return err
		}
		defer a.Close()
		for _, u := range a.Units(allChunks) {
			src := a.OpenUnit(u)
			for err == nil {
				_, err = src.Next()
			}
			src.Close()
			if err != io.EOF {
				return err
			}
			err = nil
		}
		return nil
	}
	if err := read(base); err != nil {
		t.Fatal(err)
	}
	if err := read(other); !errors.Is(err, ErrBase) || !strings.Contains(err.Error(), "000001 above") {
		t.Errorf("another base: %v", err)
	}
	if err := read(DeltaPath(chain, 1)); !errors.Is(err, ErrDelta) {
		t.Errorf("a delta as base: %v", err)
	}
	for _, number := range []int{1, 2, 3} {
		d, err := OpenAny(t.Context(), DeltaPath(chain, number), 1)
		if err != nil {
			t.Fatal(err)
		}
		d.Close()
		held := d.Manifest.Chunks[slices.IndexFunc(d.Manifest.Chunks, func(c format.ChunkInfo) bool { return c.Records > 0 })]
		for _, name := range []string{format.ManifestName, held.Name} {
			path := filepath.Join(DeltaPath(chain, number), filepath.FromSlash(name))
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			bad := map[string][]byte{"cut": data[:len(data)-1], "gone": nil, "flipped": bytes.Clone(data)}
			for i := range bad["flipped"] {
				bad["flipped"][i] ^= 1
			}
			for what, data := range bad {
				remove(t, path)
				if data != nil {
					if err := os.WriteFile(path, data, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				if err := read(base); err == nil || !strings.Contains(err.Error(), DeltaPath(chain, number)) {
					t.Errorf("%s of delta %d is %s: %v", name, number, what, err)
				}
			}
			remove(t, path)
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	again := deltaOf(&members[1].Info, 3)
	remove(t, DeltaPath(chain, 3))
	h.write(t, DeltaPath(chain, 3), &again, encryption.Keys{})
	if err := read(base); !errors.Is(err, ErrChain) || !strings.Contains(err.Error(), "000003 was replaced meanwhile") {
		t.Errorf("a delta made anew: %v", err)
	}
}

// TestGoldenOpenChain: what the golden base and deltas amount to.
func TestGoldenOpenChain(t *testing.T) {
	members, err := Chain(t.Context(), filepath.Join(golden, "v2"))
	if err != nil {
		t.Fatal(err)
	}
	a, err := OpenChain(t.Context(), filepath.Join(golden, "v1"), members, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	names, conflicts := map[int][]string{}, ""
	for _, db := range []int{0, 2} {
		if err := a.Keys(db, allChunks, func(key []byte, types []format.Type) error {
			names[db] = append(names[db], fmt.Sprint(string(key), types))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Conflicts(func(k ConflictKey) error { conflicts += fmt.Sprint(k.Name, k.Types); return nil }); err != nil {
		t.Fatal(err)
	}
	chain := ""
	if err := a.Find(0, []byte("chain"), func(r *format.Record) error { chain += string(bytes.Join(r.Elems, nil)); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(names[2]) != 0 || chain != "012" || !strings.Contains(conflicts, `"same"[zset set]`) || slices.Contains(names[0], "hll[string]") ||
		!slices.Contains(names[0], "s[stream]") || !slices.Contains(names[0], "parts[string]") {
		t.Errorf("names %v, chain %q, conflicts %s", names, chain, conflicts)
	}
}
