package archive

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// A scripted tells of files in an order of its own.
type scripted struct{ names [][]string }

func (s *scripted) Next(context.Context) ([]string, error) {
	if len(s.names) == 0 {
		return nil, io.EOF
	}
	n := s.names[0]
	s.names = s.names[1:]
	return n, nil
}

// feedDump makes a dump of two lists that go over several chunks each, side by side, whose numbers
// are drawn in turn, and of others.
func feedDump(t *testing.T, version string) *Archive {
	t.Helper()
	src := format.Source{Address: "127.0.0.1:9221", Server: "pika", Version: version, Role: "master", Databases: 1}
	info := format.NewInfo("test", time.Now(), src, format.Options{Databases: []int{0}, Types: []format.Type{format.TypeString, format.TypeList}})
	w, err := Create(t.Context(), filepath.Join(t.TempDir(), "dump"), info, Options{ChunkBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	segs := []*Segment{w.Segment(0, format.TypeList, nil), w.Segment(0, format.TypeList, []byte("m"))}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for p := range 6 {
		for i, seg := range segs {
			part := map[int]format.Part{0: format.PartFirst, 5: format.PartLast}[p]
			r := listRecord([]string{"giant", "huge"}[i], part, noise(uint64(10*p+i), 600<<10))
			if i == 1 {
				r.Key = []byte("m" + string(r.Key))
			}
			must(seg.Record(&r))
		}
	}
	must(segs[0].Close([]byte("m")))
	must(segs[1].Close(nil))
	seg := w.Segment(0, format.TypeString, nil)
	for i := range 5 {
		must(seg.Record(&format.Record{Kind: format.String, Key: []byte("s" + strconv.Itoa(i)), Part: format.PartWhole, Value: []byte(noise(uint64(i), 600<<10))}))
	}
	must(seg.Close(nil))
	_, err = w.Finish(nil, MayConflict(&info))
	must(err)
	a, err := Open(t.Context(), w.dir.Path(""), 1)
	must(err)
	t.Cleanup(a.Close)
	return a
}

func all(format.ChunkInfo) bool { return true }

func drain(t *testing.T, f *Feed) (units []Unit, err error) {
	t.Helper()
	for {
		u, err := f.Next(t.Context())
		if err == io.EOF {
			return units, nil
		}
		if err != nil {
			return units, err
		}
		units = append(units, u)
		if err := f.Done(u); err != nil {
			t.Fatal(err)
		}
	}
}

func byName(units []Unit) []Unit {
	slices.SortFunc(units, func(a, b Unit) int { return bytes.Compare([]byte(a[0].Name), []byte(b[0].Name)) })
	return units
}

// A releasing store notes what will not be read any more.
type releasing struct {
	storage.Store
	released map[string]bool
}

func (r *releasing) Release(name string) error { r.released[name] = true; return nil }

// TestFeedReleases: chunks that nobody wants need not be kept, either.
func TestFeedReleases(t *testing.T) {
	a := feedDump(t, "4.0.1")
	s := &scripted{}
	for _, c := range a.Manifest.Chunks {
		s.names = append(s.names, []string{c.Name})
	}
	r := &releasing{a.dir, map[string]bool{}}
	f, err := NewFeed(r, 1, s)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.Begin(func(c format.ChunkInfo) bool { return c.Type == format.TypeString })
	if units, err := drain(t, f); err != nil || len(units) == 0 {
		t.Fatalf("%d units, %v", len(units), err)
	}
	if len(r.released) != len(a.Manifest.Chunks) {
		t.Errorf("%d of %d chunks are kept no longer", len(r.released), len(a.Manifest.Chunks))
	}
}

// TestFeed: in whatever order chunks come, and if some are not told of at all, the units are those
// of the manifest, each once and none before it is whole.
func TestFeed(t *testing.T) {
	a := feedDump(t, "4.0.1")
	want := byName(a.Units(all))
	if n := len(slices.MaxFunc(want, func(x, y Unit) int { return len(x) - len(y) })); n < 5 {
		t.Fatalf("the largest unit has %d chunks", n)
	}
	var names []string
	for _, c := range a.Manifest.Chunks {
		names = append(names, c.Name)
	}
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 0))
		order := slices.Clone(names)
		rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		order = order[:rng.IntN(len(order)+1)]
		s := &scripted{}
		for len(order) > 0 {
			n := 1 + rng.IntN(len(order))
			s.names, order = append(s.names, order[:n]), order[n:]
		}
		f, err := NewFeed(a.dir, 1, s)
		if err != nil {
			t.Fatal(err)
		}
		if !f.Early() || f.Finished() {
			t.Error("a dump of 4.0 is not loaded early")
		}
		f.Begin(all)
		got, err := drain(t, f)
		if err != nil || !reflect.DeepEqual(byName(got), want) {
			t.Fatalf("seed %d: %d units, want %d, %v", seed, len(got), len(want), err)
		}
		f.Close()
	}
}

// TestFeedWait: without Early nothing is handed out before all has come; then the largest comes
// first.
func TestFeedWait(t *testing.T) {
	a := feedDump(t, "3.5.5")
	s := &scripted{}
	for _, c := range a.Manifest.Chunks {
		s.names = append(s.names, []string{c.Name})
	}
	f, err := NewFeed(a.dir, 1, s)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Early() {
		t.Error("a dump of 3.5 is loaded early")
	}
	if err := f.Wait(t.Context()); err != nil || !f.Finished() {
		t.Fatal(err)
	}
	keep := func(c format.ChunkInfo) bool { return c.Type == format.TypeList && c.Records > 0 }
	f.Choose(f.Archive().Units(keep))
	if len(f.Ready()) != 2 {
		t.Errorf("%d units", len(f.Ready()))
	}
	got, err := drain(t, f)
	if err != nil || len(got) != 2 || got[0].Stored() < got[1].Stored() {
		t.Errorf("%d units, %v", len(got), err)
	}
	if want := byName(a.Units(keep)); !reflect.DeepEqual(byName(got), want) {
		t.Error("the units are not those of the manifest")
	}
}

// TestFeedChanged: chunks that were handed out, and are not in the manifest as they were, end the
// feed.
func TestFeedChanged(t *testing.T) {
	a, b := feedDump(t, "4.0.1"), feedDump(t, "4.0.1")
	var corrupt *format.CorruptError
	name := a.Manifest.Chunks[0].Name
	f, err := NewFeed(a.dir, 1, &scripted{[][]string{{name}, {"manifest.json"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.Begin(all)
	if u, err := f.Next(t.Context()); err != nil || u[0].Name != name {
		t.Fatalf("%v, %v", u, err)
	}
	u := f.given[name]
	u[0].SHA256 = b.Manifest.Chunks[0].SHA256 // as if it had been replaced since
	f.came[name] = u[0]
	if _, err := f.Next(t.Context()); !errors.As(err, &corrupt) {
		t.Errorf("another chunk of the same name: %v", err)
	}
	// One that is missing, and one of another dump.
	if err := a.dir.Remove(a.Manifest.Chunks[1].Name); err != nil {
		t.Fatal(err)
	}
	if f, err = NewFeed(a.dir, 1, &scripted{}); err != nil {
		t.Fatal(err)
	}
	f.Begin(all)
	if _, err := f.Next(t.Context()); !errors.As(err, &corrupt) {
		t.Errorf("a chunk that is missing: %v", err)
	}
	data, err := storage.ReadFile(b.dir, name, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	other := format.ChunkName(0, format.TypeString, 99)
	if err := storage.WriteFile(a.dir, other, data); err != nil {
		t.Fatal(err)
	}
	if f, err = NewFeed(a.dir, 1, &scripted{[][]string{{other}}}); err != nil {
		t.Fatal(err)
	}
	f.Begin(all)
	if _, err := f.Next(t.Context()); err == nil {
		t.Error("a chunk of another dump and name is taken")
	}
}

// TestFollowBeforeBegin: a dump that has not begun yet is waited for, where there is not even a
// directory, and that is said at once. A context that ends ends the wait.
func TestFollowBeforeBegin(t *testing.T) {
	from := begin(t, 0, 0).dir.Path("")
	to := filepath.Join(t.TempDir(), "later")
	said := 0
	f, err := Follow(t.Context(), to, 1, func(text string) {
		if said++; !strings.Contains(text, "waiting for the dump in "+to+" to begin") {
			t.Errorf("it says %q", text)
		}
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			t.Error(err)
		}
	})
	if err != nil || said != 1 {
		t.Fatalf("%v, said %d times", err, said)
	}
	f.Close()
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := Follow(ctx, to+"s", 1, func(string) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestFollowLocation: a URL that cannot be meant is no dump that is not finished.
func TestFollowLocation(t *testing.T) {
	_, err := Follow(t.Context(), "s3://bucket/dump?bogus=1", 1, func(string) {})
	if !errors.Is(err, storage.ErrLocation) || errors.Is(err, ErrIncomplete) {
		t.Error(err)
	}
}
