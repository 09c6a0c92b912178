package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/s3server"
)

// A lateDump is a dump of lists in a bucket, whose runs are killed. What they have sent arrives
// when the test wants.
type lateDump struct {
	t      *testing.T
	server *s3server.Server
	info   format.Info
	keys   encryption.Keys
	lax    bool // the store takes no conditions
}

func newLateDump(t *testing.T) *lateDump {
	src := format.Source{Address: "127.0.0.1:9221", Server: "pika", Version: "4.0.1", Role: "master", Databases: 1}
	o := format.Options{Databases: []int{0}, Types: []format.Type{format.TypeList}, Scan: format.ScanRange}
	return &lateDump{t: t, server: s3server.Start(t), info: format.NewInfo("test", time.Now(), src, o)}
}

func (d *lateDump) empty() {
	if err := os.RemoveAll(d.server.Dir("dump")); err != nil {
		d.t.Fatal(err)
	}
}

// hold keeps requests on their way.
func (d *lateDump) hold(words ...string) *s3server.Late { return d.server.Hold(d.refuse, words...) }

// release holds no further requests.
func (d *lateDump) release() { d.server.SetFault(d.refuse) }

// refuse is a store that takes no conditions.
func (d *lateDump) refuse(r *http.Request) (f s3server.Fault) {
	if d.lax && r.Header.Get("If-None-Match")+r.Header.Get("If-Match") != "" {
		f.Status = http.StatusNotImplemented
	}
	return f
}

// come puts an object into the bucket, in the place of what is there.
func (d *lateDump) come(name, data string) {
	d.t.Helper()
	b, err := storage.CreateBucket(d.t.Context(), d.server.URL("dump"), storage.Options{})
	if err == nil {
		_ = b.Remove(name)
		err = storage.WriteFile(b, name, []byte(data))
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

// A lateRun is one run.
type lateRun struct {
	*Writer
	d    *lateDump
	kill func()
}

func (d *lateDump) run() *lateRun {
	d.t.Helper()
	ctx, cancel := context.WithCancel(d.t.Context())
	o := Options{ChunkBytes: 1, Keys: d.keys, Uploads: 9, Storage: storage.Options{Wait: time.Millisecond}}
	w, err := Resume(ctx, d.server.URL("dump"), d.info, o, func(text string) { d.t.Log(text) })
	if err != nil {
		d.t.Fatal(err)
	}
	return &lateRun{w, d, func() { cancel(); w.Close() }}
}

// chunk seals the keys from start to before end: lists, each of one element that begins with its
// name.
func (r *lateRun) chunk(start, end string, elements ...string) error {
	var to []byte
	if end != "" {
		to = []byte(end)
	}
	var from []byte
	if start != "" {
		from = []byte(start)
	}
	seg := r.Segment(0, format.TypeList, from)
	seg.w.o.ChunkBytes = 1 << 20
	for _, text := range elements {
		rec := listRecord(text[:1], format.PartWhole, text)
		if err := seg.Record(&rec); err != nil {
			return err
		}
	}
	return seg.Close(to)
}

// large seals a list of so many elements in as many chunks, from start to the end.
func (r *lateRun) large(start string, elements ...string) error {
	seg := r.Segment(0, format.TypeList, []byte(start))
	seg.w.o.ChunkBytes = 1
	for i, e := range elements {
		var part format.Part
		if i == 0 {
			part = format.PartFirst
		}
		if i == len(elements)-1 {
			part |= format.PartLast
		}
		rec := listRecord("large", part, noise(uint64(i), 600<<10)+e)
		if err := seg.Record(&rec); err != nil {
			return err
		}
	}
	return seg.Close(nil)
}

// gap returns where the first range begins that is to be read.
func (r *lateRun) gap() string {
	r.d.t.Helper()
	gaps, err := r.Gaps(0, format.TypeList)
	if err != nil {
		r.d.t.Fatal(err)
	}
	if len(gaps) == 0 {
		return "none"
	}
	return string(gaps[0].Start)
}

func (r *lateRun) must(errs ...error) {
	r.d.t.Helper()
	if err := errors.Join(append(errs, r.flush())...); err != nil {
		r.d.t.Fatal(err)
	}
}

func (r *lateRun) finish() {
	r.d.t.Helper()
	_, err := r.Finish(nil, false)
	r.must(err)
	r.Close()
}

// holds checks the dump, which must hold those keys, and those elements of the large one. It
// returns what was said of files that are no part of it.
func (d *lateDump) holds(want ...string) string {
	d.t.Helper()
	a, err := Open(d.t.Context(), d.server.URL("dump"), 1, d.keys.Identities...)
	if err != nil {
		d.t.Fatal(err)
	}
	defer a.Close()
	said := ""
	bad, err := a.Check(d.t.Context(), func(format.ChunkInfo) {}, func(err error) { said += err.Error() + "\n" })
	if bad > 0 || err != nil {
		d.t.Fatalf("%d files, %v:\n%s", bad, err, said)
	}
	if err := a.CheckWhole(d.t.Context()); err != nil {
		d.t.Error(err)
	}
	var got []string
	for _, u := range a.Units(all) {
		src := a.OpenUnit(u)
		for {
			r, err := src.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				d.t.Fatal(err)
			}
			e := string(r.Elems[0])
			got = append(got, e[max(0, len(e)-1):])
		}
		src.Close()
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		d.t.Errorf("it holds %q, want %q", got, want)
	}
	for _, name := range d.server.Objects(d.t, "dump") {
		if strings.HasPrefix(name, ".") {
			d.t.Errorf("%s is left", name)
		}
	}
	return said
}

// begin is the first run. The chunk from m to p is on its way, and the one from p on.
func (d *lateDump) begin() *s3server.Late {
	d.release()
	r := d.run()
	r.must(r.chunk("", "m", "a"))
	late := d.hold("PUT /dumps/dump/chunks")
	if err := errors.Join(r.chunk("m", "p", "n"), r.chunk("p", "", "q")); err != nil {
		d.t.Fatal(err)
	}
	<-late.Sent
	<-late.Sent
	r.kill()
	d.release()
	return late
}

// TestLateChunk: chunks that a killed run had sent arrive before the next lists what there is, when
// it has, when it has sent its own, and when the dump is finished.
func TestLateChunk(t *testing.T) {
	d := newLateDump(t)
	for _, encrypted := range []bool{false, true} {
		if encrypted {
			id, err := age.GenerateX25519Identity()
			if err != nil {
				t.Fatal(err)
			}
			d.keys = encryption.Keys{Recipients: []age.Recipient{id.Recipient()}, Identities: []age.Identity{id}}
		}
		for _, lax := range []bool{false, true} {
			for _, when := range []string{"before it lists", "when it has listed", "when it has sent", "when it is finished"} {
				t.Run(fmt.Sprintf("%s, encrypted %v, without conditions %v", when, encrypted, lax), func(t *testing.T) {
					d.t, d.lax = t, lax
					d.empty()
					late := d.begin()
					arrive := func(now string) {
						if when == now {
							late.Arrive(t)
						}
					}
					arrive("before it lists")
					r := d.run()
					arrive("when it has listed")
					if when == "before it lists" {
						if gap := r.gap(); gap != "none" {
							t.Errorf("%q is read anew", gap)
						}
						r.finish()
						d.holds("a", "n", "q")
						return
					}
					if gap := r.gap(); gap != "m" {
						t.Fatalf("%q is to be read", gap)
					}
					r.must(r.chunk("m", "", "nx"))
					arrive("when it has sent")
					r.finish()
					arrive("when it is finished")
					if said := d.holds("a", "x"); strings.Count(said, "no part of the dump") != 2 {
						t.Errorf("said of what came late: %q", said)
					}
				})
			}
		}
	}
}

// TestLateOverlap: a run is killed when it has sent a chunk with keys of one that then comes late,
// and the next takes up one of them.
func TestLateOverlap(t *testing.T) {
	d := newLateDump(t)
	late := d.begin()
	r := d.run()
	r.must(r.chunk("m", "o", "nx"))
	r.kill()
	late.Arrive(t)
	r = d.run()
	if gap := r.gap(); gap != "none" {
		t.Fatalf("%q is to be read", gap)
	}
	r.finish()
	if said := d.holds("a", "n", "q"); said != "" { // what was left out is removed
		t.Error(said)
	}
}

// lose removes chunks, as if they had been on their way.
func (d *lateDump) lose(numbers ...int) {
	for _, n := range numbers {
		_ = os.Remove(filepath.Join(d.server.Dir("dump"), format.ChunkName(0, format.TypeList, n)))
	}
}

// TestLatePart: the parts of a key that two killed runs have sent are never taken for one key.
func TestLatePart(t *testing.T) {
	d := newLateDump(t)
	r := d.run()
	r.must(r.chunk("", "l", "a"))
	late := d.hold("PUT /dumps/dump/chunks/db0/list/000005.mpz") // the last part
	if err := r.large("l", "1", "2", "3", "4"); err != nil {
		t.Fatal(err)
	}
	<-late.Sent
	r.kill()
	d.release()
	d.lose(2, 3, 4)
	r = d.run()
	r.must(r.large("l", "5", "6", "7", "8", "9"))
	numbers := []int{}
	for _, c := range r.chunks[1:] {
		_, _, n, _ := format.ParseChunkName(c.Name)
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	r.kill()
	d.lose(numbers[3:]...)
	late.Arrive(t)
	r = d.run()
	if gap := r.gap(); gap != "l" {
		t.Fatalf("%q is to be read: parts of two runs were joined", gap)
	}
	r.must(r.large("l", "x", "y"))
	r.finish()
	d.holds("a", "x", "y")
}

// TestLateDelete: a DELETE that a killed run had sent comes when the dump is finished: it takes
// nothing that is of it.
func TestLateDelete(t *testing.T) {
	d := newLateDump(t)
	r := d.run()
	r.must(r.chunk("", "l", "a"))
	late := d.hold("PUT /dumps/dump/chunks/db0/list/000003.mpz", "PUT /dumps/dump/chunks/db0/list/000004.mpz")
	if err := r.large("l", "1", "2", "3"); err != nil {
		t.Fatal(err)
	}
	<-late.Sent
	<-late.Sent
	r.kill()
	deletes := d.hold("DELETE /dumps/dump/chunks")
	ctx, cancel := context.WithCancel(t.Context())
	w, err := Resume(ctx, d.server.URL("dump"), d.info, Options{Storage: storage.Options{Wait: time.Millisecond}}, func(string) { cancel() })
	if err == nil {
		w.Close()
	}
	d.release()
	late.Arrive(t)
	r = d.run()
	if gap := r.gap(); gap != "none" {
		t.Errorf("%q is read anew", gap)
	}
	r.finish()
	deletes.Arrive(t)
	d.holds("a", "1", "2", "3")
}

// TestLateEnd: lists and manifest of a killed run come when the next is about to write its own.
func TestLateEnd(t *testing.T) {
	d := newLateDump(t)
	for _, name := range []string{format.ManifestName, format.SkippedName} {
		d.empty()
		r := d.run()
		seg := r.Segment(0, format.TypeList, nil)
		rec := listRecord("a", format.PartWhole, "a")
		r.must(seg.Record(&rec), seg.Skip([]byte("s"), "reason", ""), seg.Close(nil))
		d.come(name, "{}\n")
		r.finish()
		d.holds("a")
	}
}

// TestLateBroken: a run whose lock was broken replaces nothing of the one that broke it.
func TestLateBroken(t *testing.T) {
	d := newLateDump(t)
	r := d.run()
	r.must(r.chunk("", "m", "a"))
	d.come(".lock", "{}")
	d.come(format.ChunkName(0, format.TypeList, 2), "of another")
	if err := errors.Join(r.chunk("m", "", "n"), r.flush()); !errors.Is(err, storage.ErrLocked) {
		t.Errorf("it goes on: %v", err)
	}
}

// TestClaims: each run draws numbers that no other has drawn, also where nothing shows of the
// other.
func TestClaims(t *testing.T) {
	d := newLateDump(t)
	drawn := map[int]bool{}
	for range 3 {
		r := d.run()
		for range blockSize + 10 {
			n, err := r.numbers.next(segmentID{0, format.TypeList})
			if err != nil {
				t.Fatal(err)
			}
			if drawn[n] {
				t.Fatalf("%d is drawn twice", n)
			}
			drawn[n] = true
		}
		r.kill()
	}
	if most := slices.Max(slices.Collect(maps.Keys(drawn))); most >= 7*blockSize {
		t.Errorf("%d is drawn: numbers are wasted", most)
	}
}
