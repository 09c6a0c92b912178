package storage

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/s3server"
)

func readLog(t *testing.T, s Store, name string) string {
	t.Helper()
	r, err := ReadLog(s, name)
	if errors.Is(err, fs.ErrNotExist) {
		return "none"
	}
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// testLog: what a Log promises.
func testLog(t *testing.T, s Store) {
	const name = "a/journal.jsonl"
	if s, ok := s.(*Dir); ok {
		if err := os.Mkdir(s.Path("a"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	open := func() Log {
		t.Helper()
		l, err := OpenLog(s, name)
		must(err)
		return l
	}
	write := func(l Log, text string) {
		t.Helper()
		_, err := l.Write([]byte(text))
		must(err)
	}
	l := open()
	if got := readLog(t, s, name); got != "none" {
		t.Errorf("before the first line: %q", got)
	}
	write(l, "one\n")
	write(l, "two\n")
	must(l.Sync())
	must(l.Sync())
	must(l.Close())
	l = open()
	write(l, "three\n")
	must(l.Sync())
	if got := readLog(t, s, name); got != "one\ntwo\nthree\n" {
		t.Errorf("appended: %q", got)
	}
	must(l.Replace([]byte("all\n")))
	write(l, "four\n")
	must(l.Sync())
	must(l.Close())
	l = open()
	write(l, "five\n")
	must(l.Sync())
	if got := readLog(t, s, name); got != "all\nfour\nfive\n" {
		t.Errorf("replaced: %q", got)
	}
	must(l.Rewrite(func(w io.Writer) error { // without its first line
		_, err := io.WriteString(w, strings.TrimPrefix(readLog(t, s, name), "all\n"))
		return err
	}))
	if got := readLog(t, s, name); got != "four\nfive\n" {
		t.Errorf("rewritten: %q", got)
	}
	enough := errors.New("enough")
	if err := l.Rewrite(func(io.Writer) error { return enough }); err != enough {
		t.Error(err)
	}
	if got := readLog(t, s, name); got != "four\nfive\n" {
		t.Errorf("after an error: %q", got)
	}
	must(l.Replace(nil))
	if got := readLog(t, s, name); got != "" {
		t.Errorf("replaced by nothing: %q", got)
	}
	must(l.Close())
}

func TestFileLog(t *testing.T) {
	d, err := CreateDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	testLog(t, d)
	for text, want := range map[string]string{"": "new\n", "torn": "new\n", "a\nto": "a\nnew\n", "a\n": "a\nnew\n", strings.Repeat("x", 200_000): "new\n", "b\n" + strings.Repeat("x", 70_000): "b\nnew\n"} {
		if err := os.WriteFile(d.Path("torn.jsonl"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := OpenLog(d, "torn.jsonl")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Write([]byte("new\n")); err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if got := readLog(t, d, "torn.jsonl"); got != want {
			t.Errorf("%.20q…: %.20q", text, got)
		}
	}
}

func TestBucketLog(t *testing.T) {
	b, _ := createBucket(t)
	testLog(t, b)
}

// TestBucketLogLag: a log is not taken for none, or for its beginning, where the store does not list it yet.
func TestBucketLogLag(t *testing.T) {
	b, s := createBucket(t)
	l, err := OpenLog(b, "journal.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		t.Helper()
		if _, err := l.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := l.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	lag := func(r *http.Request) s3server.Fault {
		if r.Method == http.MethodGet && r.URL.Query().Has("list-type") {
			return s3server.Fault{Status: 200, Body: "<ListBucketResult><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>"}
		}
		return s3server.Fault{}
	}
	write("one\n")
	write("two\n")
	s.SetFault(lag)
	if got := readLog(t, b, "journal.jsonl"); got != "one\ntwo\n" {
		t.Errorf("before it was put together: %q", got)
	}
	if err := l.Replace([]byte("all\n")); err != nil {
		t.Fatal(err)
	}
	write("more\n")
	if _, err := ReadLog(b, "journal.jsonl"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("read: %v", err)
	}
	if _, err := OpenLog(b, "journal.jsonl"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("open: %v", err)
	}
	s.SetFault(nil)
	if got := readLog(t, b, "journal.jsonl"); got != "all\nmore\n" {
		t.Errorf("afterwards: %q", got)
	}
}

// TestWriteOnce: of several runs one writes the file, and the others are told.
func TestWriteOnce(t *testing.T) {
	d, err := CreateDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var g sync.WaitGroup
	errs := make([]error, 20)
	for i := range errs {
		g.Go(func() { errs[i] = WriteOnce(d, "once", []byte{'a' + byte(i)}) })
	}
	g.Wait()
	data, err := os.ReadFile(filepath.Join(d.Path("once")))
	if err != nil || len(data) != 1 {
		t.Fatalf("%q, %v", data, err)
	}
	for i, err := range errs {
		if mine := data[0] == 'a'+byte(i); mine != (err == nil) || !mine && !errors.Is(err, fs.ErrExist) {
			t.Errorf("run %d, %q is there: %v", i, data, err)
		}
	}
	if names, err := filepath.Glob(d.Path("*")); err != nil || len(names) != 1 {
		t.Errorf("%v, %v", names, err)
	}
}

func TestJoinLocation(t *testing.T) {
	for in, want := range map[string]string{
		"state": "state/a/b", "/x/": "/x/a/b", "s3://b": "s3://b/a/b", "s3://b/p/?region=x": "s3://b/p/a/b?region=x", "s3://b?r=1": "s3://b/a/b?r=1",
	} {
		if got := Join(in, "a/b"); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
