package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/writer/checkpoint"
)

var errFault = errors.New("a fault")

// A memory is a Store like a bucket. From operation number fault on all fail; the first of them is
// done nevertheless if lost is set: only its answer is missing.
type memory struct {
	mu     sync.Mutex
	files  map[string][]byte
	locked bool
	ops    int
	fault  int
	lost   bool
}

// step counts an operation, and returns whether it is done, and its error.
func (m *memory) step() (bool, error) {
	m.ops++
	if m.fault == 0 || m.ops < m.fault {
		return true, nil
	}
	return m.lost && m.ops == m.fault, errFault
}

type memoryReader struct{ *bytes.Reader }

func (memoryReader) Close() error   { return nil }
func (memoryReader) SHA256() []byte { return nil }

func (m *memory) Path(name string) string { return "mem://" + name }

func (m *memory) Open(name string) (storage.Reader, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.step(); err != nil {
		return nil, err
	}
	data, ok := m.files[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return memoryReader{bytes.NewReader(data)}, nil
}

type memoryFile struct {
	bytes.Buffer
	m    *memory
	name string
}

func (m *memory) Create(name string) (storage.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.step(); err != nil {
		return nil, err
	}
	if _, ok := m.files[name]; ok {
		return nil, fs.ErrExist
	}
	return &memoryFile{m: m, name: name}, nil
}

func (f *memoryFile) Commit() error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	ok, err := f.m.step()
	if ok {
		f.m.files[f.name] = slices.Clone(f.Bytes())
	}
	return err
}

func (f *memoryFile) Discard() {}

func (m *memory) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	ok, err := m.step()
	if ok {
		delete(m.files, name)
	}
	return err
}

func (m *memory) List() ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, err := m.step()
	return slices.Sorted(maps.Keys(m.files)), err
}

func (m *memory) RemoveTemporaries() error { return nil }

func (m *memory) Lock() (storage.Lock, error) {
	if m.locked {
		return nil, storage.ErrLocked
	}
	m.locked = true
	return (*memoryLock)(m), nil
}

func (m *memory) LockShard(string) (storage.Lock, error) { return m.Lock() }

type memoryLock memory

func (l *memoryLock) Held() error   { return nil }
func (l *memoryLock) Unlock() error { l.locked = false; return nil }

// points is how far the unit goes: enough for the log to be written anew, and on.
const points = mostSegments/2 + 10

// use makes a journal, or resumes it, until something fails, and returns what it knows to be
// kept.
func use(m *memory) (kept int64, begun, finished bool) {
	j, err := OpenStore(m, Options{Every: 1, Sync: 1})
	if err != nil {
		return 0, false, false
	}
	if j.Began().IsZero() {
		if _, err := j.Begin(bound(), true, ""); err != nil {
			return 0, false, false
		}
	}
	u := j.Unit("u")
	for n := u.Position().Record + 1; n <= points; n++ {
		if u.Found(n, []int64{n}) != nil {
			return kept, true, false
		}
		kept = n
		if u.Reach(Position{Checkpoint: checkpoint.Checkpoint{Record: n, Stats: checkpoint.Stats{Keys: n}}}) != nil {
			return kept, true, false
		}
	}
	if u.Done() != nil || j.Finish() != nil {
		return kept, true, false
	}
	return kept, true, j.Close() == nil
}

// TestFaults: after a fault of any operation of the store, done or not, a journal is resumed
// from what it had said to be kept, and ends the same.
func TestFaults(t *testing.T) {
	whole := &memory{files: map[string][]byte{}}
	if _, _, ok := use(whole); !ok {
		t.Fatal("without faults it does not end")
	}
	if len(whole.files) >= mostSegments {
		t.Fatalf("the log was not written anew: %d objects", len(whole.files))
	}
	each, step := 40, 9
	if testing.Short() {
		each, step = 12, 45
	}
	for fault := 1; fault <= whole.ops; fault++ {
		if fault > each && fault < 2*mostSegments-each && fault%step > 0 { // one piece is as the other
			continue
		}
		for _, lost := range []bool{false, true} {
			m := &memory{files: map[string][]byte{}, fault: fault, lost: lost}
			kept, begun, ended := use(m)
			if ended {
				t.Fatalf("fault %d of %d is not noticed", fault, whole.ops)
			}
			m.fault, m.locked = 0, false
			j, err := OpenStore(m, Options{})
			if err != nil {
				t.Fatalf("fault %d, lost %v: %v", fault, lost, err)
			}
			asked, existed := j.Unit("u").Asked()
			if begun && j.Began().IsZero() || asked < kept || int64(len(listed(existed))) != asked || j.Unit("u").Position().Record < kept-1 && !j.Unit("u").IsDone() {
				t.Fatalf("fault %d, lost %v: %d were kept, it has %d (%d) and %+v", fault, lost, kept, asked, len(listed(existed)), j.Unit("u").Position())
			}
			m.locked = false // killed once more
			if fault%7 == 0 {
				_, _, ended = use(m)
				if asked, _ := readBack(t, m).Unit("u").Asked(); !ended || asked != points {
					t.Fatalf("fault %d, lost %v: resumed, it has %d, ended %v", fault, lost, asked, ended)
				}
			}
		}
	}
}

func readBack(t *testing.T, m *memory) *Journal {
	t.Helper()
	j, err := Read(m)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// TestBucketRefused: a second run, a missing piece, a piece that another run wrote; and what is
// begun anew.
func TestBucketRefused(t *testing.T) {
	m := &memory{files: map[string][]byte{}}
	j, err := OpenStore(m, Options{Every: 1, Sync: 1})
	must(t, err)
	if !readBack(t, m).Began().IsZero() {
		t.Error("it has begun before Begin")
	}
	if _, err := OpenStore(m, Options{}); !errors.Is(err, storage.ErrLocked) {
		t.Errorf("a second run: %v", err)
	}
	_, err = j.Begin(bound(), false, "")
	must(t, err)
	for n := range int64(3) {
		must(t, j.Unit("u").Reach(Position{Checkpoint: checkpoint.Checkpoint{Record: n + 1}}))
	}
	if r := readBack(t, m); r.Unit("u").Position().Record != 3 || r.Check(bound()) != nil {
		t.Errorf("read while it is written: %+v", r.Unit("u").Position())
	}
	third := "journal/000003.jsonl"
	data, ok := m.files[third]
	if !ok {
		t.Fatalf("it is not there, but %v", slices.Sorted(maps.Keys(m.files)))
	}
	delete(m.files, third)
	if _, err := Read(m); !errors.Is(err, storage.ErrGap) || !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), third) {
		t.Errorf("a gap: %v", err)
	}
	m.files[third] = data
	m.files["journal/000005.jsonl"] = []byte("of another\n")
	if err := j.Unit("u").Reach(Position{Checkpoint: checkpoint.Checkpoint{Record: 9}}); !errors.Is(err, storage.ErrLocked) {
		t.Errorf("over a piece of another run: %v", err)
	}
	delete(m.files, "journal/000005.jsonl")
	m.locked = false
	j, err = OpenStore(m, Options{})
	must(t, err)
	must(t, j.Finish())
	kept, err := j.Begin(bound(), false, "")
	must(t, err)
	if old := m.files[strings.TrimPrefix(kept, "mem://")]; !bytes.Contains(old, []byte(`"finished"`)) {
		t.Errorf("kept as %s: %s", kept, old)
	}
	must(t, j.BeginUndo())
	must(t, j.Close())
	if r := readBack(t, m); !r.IsUndoing() || !r.Finished().IsZero() || r.Unit("u").Position().Record != 0 {
		t.Errorf("begun anew: %s", fmt.Sprint(m.files))
	}
}

// TestBegun: that a unit is begun is kept before anything of it is sent, also where the log is in a
// bucket: a run that is killed then has not sent what the journal does not show.
func TestBegun(t *testing.T) {
	m := &memory{files: map[string][]byte{}}
	j, err := OpenStore(m, Options{Every: time.Hour, Sync: time.Hour})
	must(t, err)
	_, err = j.Begin(bound(), true, "")
	must(t, err)
	must(t, j.Unit("one").Bind("sum of one"))
	j, err = Read(m)
	must(t, err)
	if !j.Unit("one").IsBegun() || j.Unit("two").IsBegun() {
		t.Errorf("begun: one %v, two %v", j.Unit("one").IsBegun(), j.Unit("two").IsBegun())
	}
}
