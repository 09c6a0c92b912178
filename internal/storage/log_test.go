package storage

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/s3server"
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
	must(l.Rewrite(writing([]byte("all\n"))))
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
	must(l.Rewrite(writing(nil)))
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

// listings makes a bucket list the objects of those names, whatever it holds.
func listings(s *s3server.Server, names ...string) {
	body := "<ListBucketResult><Name>dumps</Name><IsTruncated>false</IsTruncated>"
	for _, name := range names {
		body += "<Contents><Key>a/dump/" + name + "</Key><Size>4</Size><LastModified>2026-01-02T03:04:05Z</LastModified><ETag>x</ETag></Contents>"
	}
	body += "</ListBucketResult>"
	s.SetFault(func(r *http.Request) s3server.Fault {
		if r.Method == http.MethodGet && r.URL.Query().Has("list-type") {
			return s3server.Fault{Status: 200, Body: body}
		}
		return s3server.Fault{}
	})
}

// TestLogListingLag: a log that the bucket lists late is read as it is, or the error says to try
// again; it is never taken for another, nor for none.
func TestLogListingLag(t *testing.T) {
	b, s := createBucket(t)
	const name = "journal.jsonl"
	listings(s)
	if got := readLog(t, b, name); got != "none" {
		t.Errorf("before the first line: %q", got)
	}
	l, err := OpenLog(b, name)
	if err != nil {
		t.Fatal(err)
	}
	add := func(text string) {
		t.Helper()
		if _, err := l.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := l.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range []string{"one\n", "two\n", "three\n"} {
		add(text)
	}
	if got := readLog(t, b, name); got != "one\ntwo\nthree\n" {
		t.Errorf("appended: %q", got)
	}
	late := func(what, want string) {
		t.Helper()
		if r, err := ReadLog(b, name); !errors.Is(err, ErrUnavailable) || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, %v", what, r, err)
		}
		if _, err := OpenLog(b, name); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: opened: %v", what, err)
		}
		s.SetFault(nil)
		if got := readLog(t, b, name); got != want {
			t.Errorf("%s: %q in the end, want %q", what, got, want)
		}
	}

	// A run is killed while it removes what it has written anew.
	deleted := atomic.Int32{}
	s.SetFault(func(r *http.Request) s3server.Fault {
		if r.Method == http.MethodDelete && deleted.Add(1) > 1 {
			return s3server.Fault{Status: 403}
		}
		return s3server.Fault{}
	})
	if err := l.Rewrite(writing([]byte("all\n"))); err != nil {
		t.Fatal(err)
	}
	if got := s.Objects(t, "a/dump/journal"); !slices.Equal(got, []string{"000002.jsonl", "000003.jsonl", "000004-all.jsonl", "rewritten"}) {
		t.Fatalf("what is left: %v", got)
	}
	add("more\n")
	listings(s)
	late("nothing is listed", "all\nmore\n")
	listings(s, "journal/000002.jsonl", "journal/000003.jsonl")
	late("what is left is listed", "all\nmore\n")
	listings(s, "journal/000004-all.jsonl")
	if got := readLog(t, b, name); got != "all\nmore\n" {
		t.Errorf("all but the last: %q", got)
	}

	s.SetFault(nil)
	if err := l.Rewrite(writing([]byte("again\n"))); err != nil {
		t.Fatal(err)
	}
	if got := s.Objects(t, "a/dump/journal"); !slices.Equal(got, []string{"000006-all.jsonl", "rewritten"}) {
		t.Fatalf("written anew twice: %v", got)
	}
	add("last\n")
	listings(s, "journal/000004-all.jsonl", "journal/000005.jsonl", "journal/rewritten")
	late("what was removed is listed", "again\nlast\n")
	listings(s, "journal/rewritten")
	late("the mark alone is listed", "again\nlast\n")
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
