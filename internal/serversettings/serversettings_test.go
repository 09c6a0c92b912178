package serversettings

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

var errRefused = errors.New("refused")

// A server has settings, of which some cannot be changed.
type server struct {
	t       *testing.T
	path    string // of the file that must be there before anything is changed
	has     map[string]string
	refuses string // a setting
}

func (s *server) Setting(ctx context.Context, name string) (string, error) {
	return s.has[name], ctx.Err()
}

func (s *server) Set(ctx context.Context, name, value string) error {
	if _, err := os.Stat(s.path); err != nil {
		s.t.Errorf("%s is changed while nothing says what it was: %v", name, err)
	}
	if name == s.refuses {
		return errRefused
	}
	s.has[name] = value
	return ctx.Err()
}

// A run opens the settings of a server as each run does.
type run struct {
	server
	log bytes.Buffer
}

func newRun(t *testing.T, has map[string]string) *run {
	return &run{server: server{t: t, path: filepath.Join(t.TempDir(), "f"), has: has}}
}

func (r *run) open() (*Keeper, error) {
	dir, err := storage.OpenDir(filepath.Dir(r.path))
	if err != nil {
		r.t.Fatal(err)
	}
	return Open(Options{
		File: File{Store: dir, Name: "f", Side: "source", Names: []string{"a", "b"}}, Flag: "--flag", Again: "run it again", Log: &r.log,
		At: func(_ context.Context, c Change, f func(Server) error) error {
			if c.Address != "host:1" {
				return errRefused
			}
			return f(&r.server)
		},
	})
}

func (r *run) mustOpen() *Keeper {
	r.t.Helper()
	k, err := r.open()
	if err != nil {
		r.t.Fatal(err)
	}
	return k
}

// check compares what the server has, and whether the file is there.
func (r *run) check(file bool, has map[string]string) {
	r.t.Helper()
	if !maps.Equal(r.has, has) {
		r.t.Errorf("the server has %v, want %v", r.has, has)
	}
	if _, err := os.Stat(r.path); (err == nil) != file {
		r.t.Errorf("the file is there: %v, want %v", !file, file)
	}
}

// says checks what was logged since the last time.
func (r *run) says(lines ...string) {
	r.t.Helper()
	want := ""
	for _, l := range lines {
		want += l + "\n"
	}
	if got := r.log.String(); got != want {
		r.t.Errorf("it says\n%swant\n%s", got, want)
	}
	r.log.Reset()
}

var changes = []Change{{"host:1", "a", "1", "2"}, {"host:1", "b", "x", "y"}}

func never(error) bool { return false }

// TestRestore: what was changed is set back, also when the run was stopped.
func TestRestore(t *testing.T) {
	r := newRun(t, map[string]string{"a": "1", "b": "x", "c": "z"})
	k := r.mustOpen()
	if err := k.Change(t.Context(), changes, never); err != nil {
		t.Fatal(err)
	}
	r.check(true, map[string]string{"a": "2", "b": "y", "c": "z"})
	r.says("CHANGED AT THE SOURCE host:1: CONFIG SET a 2 (it was 1)", "CHANGED AT THE SOURCE host:1: CONFIG SET b y (it was x)")
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if err := k.Restore(stopped); err != nil {
		t.Error(err)
	}
	r.check(false, map[string]string{"a": "1", "b": "x", "c": "z"})
	r.says("CHANGED AT THE SOURCE host:1: CONFIG SET a 1, as it was", "CHANGED AT THE SOURCE host:1: CONFIG SET b x, as it was")
	if err := k.Restore(t.Context()); err != nil { // once more does nothing
		t.Error(err)
	}
	r.says()
}

// TestRefused: a server that refuses a change ends the run, unless it may go on without it.
func TestRefused(t *testing.T) {
	for _, may := range []bool{false, true} {
		r := newRun(t, map[string]string{"a": "1", "b": "x"})
		r.refuses = "a"
		k := r.mustOpen()
		err := k.Change(t.Context(), changes, func(err error) bool { return may && errors.Is(err, errRefused) })
		if (err == nil) != may {
			t.Errorf("may go on: %v, but %v", may, err)
		}
		if may {
			r.check(true, map[string]string{"a": "1", "b": "y"})
			r.says("--flag: a stays 1: refused", "CHANGED AT THE SOURCE host:1: CONFIG SET b y (it was x)")
		}
		if err := k.Restore(t.Context()); err != nil {
			t.Error(err)
		}
		r.check(false, map[string]string{"a": "1", "b": "x"})
	}
}

// TestKilled: the next run sets back what one that was killed had changed, at its beginning or at
// its end.
func TestKilled(t *testing.T) {
	for _, tc := range []struct {
		name    string
		between map[string]string // what somebody else sets meanwhile
		adopt   bool              // until the end
		want    map[string]string
		says    []string
	}{
		{"at its beginning", nil, false, map[string]string{"a": "1", "b": "x"},
			[]string{"CHANGED AT THE SOURCE host:1: CONFIG SET a 1, as it was", "CHANGED AT THE SOURCE host:1: CONFIG SET b x, as it was"}},
		{"at its end", nil, true, map[string]string{"a": "1", "b": "x"},
			[]string{"a of the source is 2 since an earlier run: it is set back to 1 at the end", "b of the source is y since an earlier run: it is set back to x at the end",
				"CHANGED AT THE SOURCE host:1: CONFIG SET a 1, as it was", "CHANGED AT THE SOURCE host:1: CONFIG SET b x, as it was"}},
		{"set back meanwhile", map[string]string{"a": "1", "b": "x"}, true, map[string]string{"a": "1", "b": "x"},
			[]string{"a of the source is 1 again after an earlier run", "b of the source is x again after an earlier run"}},
		{"one is changed meanwhile", map[string]string{"a": "3"}, false, map[string]string{"a": "3", "b": "x"},
			[]string{"a of the source is 3 now: somebody has changed it meanwhile, and it stays so; before it was 1", "CHANGED AT THE SOURCE host:1: CONFIG SET b x, as it was"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRun(t, map[string]string{"a": "1", "b": "x"})
			if err := r.mustOpen().Change(t.Context(), changes, never); err != nil {
				t.Fatal(err)
			}
			r.log.Reset()
			maps.Copy(r.has, tc.between)
			k := r.mustOpen()
			if tc.adopt {
				before := maps.Clone(r.has)
				if err := k.Adopt(t.Context()); err != nil {
					t.Fatal(err)
				}
				r.check(tc.between == nil, before)
			}
			if err := k.Restore(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.check(false, tc.want)
			r.says(tc.says...)
		})
	}
}

// TestNotRestored: a server that does not take it back is named, with what to type, and the next
// run tries again.
func TestNotRestored(t *testing.T) {
	r := newRun(t, map[string]string{"a": "1", "b": "x"})
	k := r.mustOpen()
	if err := k.Change(t.Context(), changes, never); err != nil {
		t.Fatal(err)
	}
	r.refuses = "a"
	err := k.Restore(t.Context())
	if want := "THE SOURCE MAY NOT BE AS IT WAS: run it again, or type: redis-cli -h host -p 1 CONFIG SET a 1; redis-cli -h host -p 1 CONFIG SET b x (and remove " + r.path + "): refused"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	r.check(true, map[string]string{"a": "2", "b": "x"})
	r.log.Reset()
	k.o.File.Remind(&r.log)
	r.says("an earlier run changed a of source host:1 from 1 to 2, and nothing has set it back", "an earlier run changed b of source host:1 from x to y, and nothing has set it back")
	r.refuses = ""
	if err := r.mustOpen().Restore(t.Context()); err != nil {
		t.Error(err)
	}
	r.check(false, map[string]string{"a": "1", "b": "x"})
}

// TestFile: files of another server, of other settings, of earlier builds, and damaged ones.
func TestFile(t *testing.T) {
	for _, tc := range []struct {
		data string
		says string // of the error of Open; empty: it opens
		left []Change
	}{
		{`[{"address":"host:1","name":"a","was":"1","set":"2"}]`, "", changes[:1]},
		{`{"source":"host:1","name":"a","value":"1"}`, "", []Change{{"host:1", "a", "1", "0"}}},
		{`{"source":"host:1","na`, "set a and b to what should be, and remove the file", nil},
		{`{}`, "does not say what settings of the source were", nil},
		{`[{"address":"host:1","name":"dir","was":"1","set":"2"}]`, `it names a setting "dir"`, nil},
	} {
		r := newRun(t, nil)
		if err := os.WriteFile(r.path, []byte(tc.data), 0o600); err != nil {
			t.Fatal(err)
		}
		k, err := r.open()
		switch {
		case tc.says != "" && (err == nil || !strings.Contains(err.Error(), tc.says)):
			t.Errorf("%s: %v", tc.data, err)
		case tc.says == "" && (err != nil || len(k.Left()) != 1 || k.Left()[0] != tc.left[0]):
			t.Errorf("%s: %v, %v", tc.data, k.Left(), err)
		}
	}
	r := newRun(t, nil)
	if err := os.WriteFile(r.path, []byte(`[{"address":"other:1","name":"a","was":"1","set":"2"}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.mustOpen().Adopt(t.Context()); !errors.Is(err, errRefused) {
		t.Error(err)
	}
}
