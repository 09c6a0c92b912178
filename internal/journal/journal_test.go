package journal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/writer/checkpoint"
)

func bound() Identity {
	return Identity{Dump: "d", Address: "a:1", Server: "kvrocks", Places: map[int]string{0: "ns/0"}, Settings: map[string]string{"--on-exists": "fail"}}
}

func open(t *testing.T, dir string) *Journal {
	t.Helper()
	j, err := Open(dir, Options{Every: time.Hour, Sync: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fill makes a journal with a unit that is done, one in its middle, and one with keys that existed.
func fill(t *testing.T, dir string) {
	t.Helper()
	j := open(t, dir)
	_, err := j.Begin(bound(), true, "")
	must(t, err)
	one := j.Unit("one")
	must(t, one.Bind("sum of one"))
	must(t, one.Reach(Position{Checkpoint: checkpoint.Checkpoint{Record: 3, Stats: checkpoint.Stats{Keys: 3}}}))
	must(t, one.Done())
	must(t, j.Unit("two").Found(9, []int64{1, 4}))
	must(t, j.Unit("two").Sending(4096))
	must(t, j.BeUnsure("CLIENT LIST is refused"))
	must(t, j.SetIdle(true))
	must(t, j.Unit("two").Reach(Position{Checkpoint: checkpoint.Checkpoint{Record: 5, Open: &checkpoint.OpenKey{First: 4, Taken: 70}, Stats: checkpoint.Stats{Keys: 4, LeftOut: map[string]int64{"refused": 2}}}, Chunk: "c", In: 2}))
	must(t, j.Close())
}

// TestReopen: what was noted is there after a restart, and also when the last line is torn
// at any byte.
func TestReopen(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir)
	data, err := os.ReadFile(filepath.Join(dir, Name))
	must(t, err)
	last := len(strings.TrimRight(string(data), "\n"))
	last = strings.LastIndex(string(data[:last]), "\n") + 1
	for cut := last; cut <= len(data); cut++ {
		must(t, os.WriteFile(filepath.Join(dir, Name), data[:cut], 0o600))
		j := open(t, dir)
		must(t, j.Check(bound()))
		two := j.Unit("two")
		asked, existed := two.Asked()
		if !j.IsIdle() || j.Unsure() != "CLIENT LIST is refused" || two.Sent() != 4096 || !j.Unit("one").IsDone() || two.IsDone() || asked != 9 || len(listed(existed)) != 2 || !existed.Has(4) || !j.WasEmpty() {
			t.Fatalf("cut at %d: asked %d, existed %v", cut, asked, existed)
		}
		if p := two.Position(); cut == len(data) && (p.Record != 5 || p.Open.Taken != 70 || j.Stats().Left() != 2 || j.Stats().Keys != 7) {
			t.Errorf("%+v, %+v", p, j.Stats())
		}
		must(t, two.Reach(Position{Checkpoint: checkpoint.Checkpoint{Record: 6}}))
		must(t, j.SetIdle(false))
		must(t, j.Close())
		j = open(t, dir)
		if j.IsIdle() {
			t.Fatal("it is idle")
		}
		if p := j.Unit("two").Position(); p.Record != 6 {
			t.Fatalf("cut at %d: %+v after going on", cut, p)
		}
		must(t, j.Finish())
		must(t, j.Close())
	}
	j := open(t, dir)
	defer j.Close()
	if j.Finished().IsZero() {
		t.Error("it is not finished")
	}
	if kept, err := j.Begin(bound(), false, ""); err != nil || kept == "" || !j.Finished().IsZero() || j.Unit("one").IsDone() {
		t.Errorf("begun anew: %q, %v", kept, err)
	}
}

// TestRefused: another load, a second run and a damaged file.
func TestRefused(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir)
	j := open(t, dir)
	if _, err := Open(dir, Options{}); !errors.Is(err, storage.ErrLocked) {
		t.Errorf("a second run: %v", err)
	}
	for want, change := range map[string]func(*Identity){
		"the dump was d, and is e now":                                    func(b *Identity) { b.Dump = "e" },
		"the target was a:1, and is b:1 now":                              func(b *Identity) { b.Address = "b:1" },
		"the kind of server was kvrocks, and is redis now":                func(b *Identity) { b.Server = "redis" },
		"the place of database 0 (--map-db) was ns/0, and is other/0 now": func(b *Identity) { b.Places = map[int]string{0: "other/0"} },
		`--on-exists was "fail", and is "skip" now`:                       func(b *Identity) { b.Settings["--on-exists"] = "skip" },
	} {
		b := bound()
		change(&b)
		if err := j.Check(b); !errors.Is(err, ErrDiffers) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), dir) || strings.Contains(err.Error(), "resume") {
			t.Errorf("%v, want %q", err, want)
		}
	}
	must(t, j.Close())
	data, err := os.ReadFile(filepath.Join(dir, Name))
	must(t, err)
	damaged := strings.Replace(string(data), `"found"`, `"fou`, 1)
	must(t, os.WriteFile(filepath.Join(dir, Name), []byte(damaged), 0o600))
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrDamaged) {
		t.Errorf("damaged: %v", err)
	}
	for _, tail := range []string{"x\n", "{}\n", "\n", `{"finished":"x"}` + "\n", string(data)} {
		must(t, os.WriteFile(filepath.Join(dir, Name), append(bytes.Clone(data), tail...), 0o600))
		if _, err := Open(dir, Options{}); !errors.Is(err, ErrDamaged) {
			t.Errorf("followed by %.20q: %v", tail, err)
		}
	}
	older := strings.Replace(string(data), `"version":3`, `"version":2`, 1)
	must(t, os.WriteFile(filepath.Join(dir, Name), []byte(older), 0o600))
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "its version is 2") {
		t.Errorf("an older form: %v", err)
	}
	if _, err := Open(filepath.Join(dir, Name, "sub"), Options{}); !errors.Is(err, ErrNoPlace) || !strings.Contains(err.Error(), "--state") {
		t.Errorf("no place: %v", err)
	}
}

// TestBeginLeavesOthers: what other programs are writing below the directory is not theirs who keep
// a journal there.
func TestBeginLeavesOthers(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "a dump", ".tmp-000001.mpz")
	must(t, os.Mkdir(filepath.Dir(other), 0o700))
	must(t, os.WriteFile(other, []byte("half a chunk"), 0o600))
	fill(t, dir)
	if _, err := os.Stat(other); err != nil {
		t.Error(err)
	}
}

// TestRewritten: a log does not grow with the time that a load takes.
func TestRewritten(t *testing.T) {
	dir := t.TempDir()
	j, err := Open(dir, Options{Every: 1, Sync: time.Hour})
	must(t, err)
	_, err = j.Begin(bound(), true, "")
	must(t, err)
	must(t, j.Unit("two").Found(9, []int64{1, 4}))
	must(t, j.Unit("two").Sending(4096))
	must(t, j.BeUnsure("CLIENT LIST is refused"))
	must(t, j.SetIdle(true))
	u := j.Unit("one")
	var last Position
	for i := range int64(400_000) {
		last = Position{Checkpoint: checkpoint.Checkpoint{Record: 1 + i, Stats: checkpoint.Stats{Keys: i}}, Chunk: "chunks/db0/string/000001.mpz", In: i}
		must(t, u.Reach(last))
		if i%10_000 == 0 {
			must(t, j.Checkpoint())
		}
	}
	must(t, j.Close())
	info, err := os.Stat(filepath.Join(dir, Name))
	must(t, err)
	if info.Size() > 20<<20 {
		t.Errorf("the journal has %d bytes", info.Size())
	}
	j = open(t, dir)
	defer j.Close()
	if got := j.Unit("one").Position(); !reflect.DeepEqual(got, last) {
		t.Errorf("%+v", got)
	}
	if asked, existed := j.Unit("two").Asked(); asked != 9 || !existed.Has(4) || j.Unit("two").Sent() != 4096 || j.Unsure() == "" || !j.IsIdle() {
		t.Errorf("%d, %v, %d", asked, existed, j.Unit("two").Sent())
	}
}

// TestOf: a chunk that was made anew under its name is not taken for the one that was loaded, also
// after the journal was written anew.
func TestOf(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir)
	for range 2 {
		j := open(t, dir)
		if err := j.Unit("one").Bind("another sum"); !errors.Is(err, ErrDiffers) || !strings.Contains(err.Error(), "one of the dump is not the one") {
			t.Error(err)
		}
		must(t, j.Unit("one").Bind("sum of one"))
		must(t, j.rewrite())
		must(t, j.Close())
	}
}

// TestBeside: what workers note others can ask for at the same time (for the race detector).
func TestBeside(t *testing.T) {
	j := open(t, t.TempDir())
	_, err := j.Begin(bound(), true, "")
	must(t, err)
	var g errgroup.Group
	for _, note := range []func() error{
		func() error { return j.BeUnsure("why") }, func() error { return j.SetIdle(true) }, j.BeginUndo,
		func() error { return j.EndUndo(1) }, j.Finish, func() error { return j.SetNext(Next{}) },
		func() error { j.Retried(1); return nil }, func() error { return j.SetDeleted(1) },
		func() error { _, err := j.Begin(bound(), false, "u"); return err },
	} {
		g.Go(note)
		g.Go(func() error {
			j.Began()
			j.WasEmpty()
			j.Bound()
			j.Undo()
			j.Unsure()
			j.IsIdle()
			j.IsUndoing()
			j.Undone()
			j.Kept()
			j.Finished()
			j.Next()
			j.Deleted()
			return nil
		})
	}
	must(t, g.Wait())
	must(t, j.Close())
}
