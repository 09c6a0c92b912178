package dump

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
)

// A result is what a run left behind.
type result struct {
	err error
	log string
}

// makeDump dumps the source at addr to out.
func makeDump(t *testing.T, addr, out string, set ...func(*Options)) result {
	t.Helper()
	var log bytes.Buffer
	o := Options{Location: out, Tool: "test", Log: &log, Summary: summary.New("test", "", "dump")}
	o.Reader.Addr = addr
	for _, f := range set {
		f(&o)
	}
	err := Run(t.Context(), o)
	o.Summary.End(err, exitcode.Of(err, nil))
	return result{err, log.String() + o.Summary.String()}
}

// match chooses the keys that match a glob.
func match(pattern string) func(*Options) {
	return func(o *Options) {
		if err := o.Selection.SetMatch(pattern); err != nil {
			panic(err)
		}
	}
}

func resume(o *Options) { o.Resume = true }

// ok checks that the run was done and that its log has all of says.
func (r result) ok(t *testing.T, says ...string) {
	t.Helper()
	if r.err != nil {
		t.Fatalf("%v\n%s", r.err, r.log)
	}
	for _, want := range says {
		if !strings.Contains(r.log, want) {
			t.Errorf("the log does not say %q:\n%s", want, r.log)
		}
	}
}

// failed checks that the run ended with an error of a kind that has all of says.
func (r result) failed(t *testing.T, kind error, says ...string) {
	t.Helper()
	if !errors.Is(r.err, kind) {
		t.Fatalf("%v is not: %v\n%s", r.err, kind, r.log)
	}
	for _, want := range says {
		if !strings.Contains(r.err.Error(), want) {
			t.Errorf("the error does not say %q: %v", want, r.err)
		}
	}
}

// leftOut checks that the run was done but for what it lists.
func (r result) leftOut(t *testing.T, says ...string) {
	t.Helper()
	var left *exitcode.LeftOutError
	if !errors.As(r.err, &left) {
		t.Fatalf("%v\n%s", r.err, r.log)
	}
	r.failed(t, left, says...)
}

// newDir returns where a dump can be made.
func newDir(t *testing.T) string { return filepath.Join(t.TempDir(), "dump") }

// files returns the names of all files in dir; none if it is not there.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rel, _ := filepath.Rel(dir, p)
			names = append(names, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return names
}

// unfinished checks that nothing in dir passes for a finished file of a finished dump.
func unfinished(t *testing.T, dir string) {
	t.Helper()
	for _, name := range files(t, dir) {
		if name == format.ManifestName || strings.HasPrefix(filepath.Base(name), ".tmp-") {
			t.Errorf("the failed run left %s", name)
		}
	}
}

func manifest(t *testing.T, dir string) *format.Manifest {
	t.Helper()
	m, _ := smallpika.Dumped(t, dir)
	return m
}
