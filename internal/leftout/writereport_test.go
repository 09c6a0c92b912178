package leftout

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/s3server"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
	"github.com/pika2kvrocks/pika2kvrocks/writer/checkpoint"
)

// TestReportResumed: lines of what comes behind the last points of the journal are taken off,
// wherever the file was cut, and others are kept.
func TestReportResumed(t *testing.T) {
	dir := t.TempDir()
	j, err := journal.Open(filepath.Join(dir, "state"), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if _, err := j.Begin(journal.Identity{}, true, ""); err != nil {
		t.Fatal(err)
	}
	for unit, n := range map[string]int64{"one": 2, "two": 0, "three": 3} {
		if err := j.Unit(unit).Reach(journal.Position{Checkpoint: checkpoint.Checkpoint{Record: 9, Stats: checkpoint.Stats{LeftOut: map[string]int64{"refused": n}}}}); err != nil {
			t.Fatal(err)
		}
	}
	r := &Report{Path: filepath.Join(dir, "report")}
	for i, unit := range strings.Fields("one two one three one two three") {
		r.Add(unit, writer.LeftOut{Kind: format.String, Key: []byte{'a' + byte(i)}, Reason: "refused"})
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(r.Path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := 0; cut <= len(whole); cut += 7 {
		if err := os.WriteFile(r.Path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		want := ""
		for _, line := range strings.SplitAfter(string(whole[:cut]), "\n") {
			for _, kept := range []string{"a", "c", "d", "g"} {
				if strings.HasSuffix(line, "\n") && strings.Contains(line, `"\"`+kept+`\""`) {
					want += line
				}
			}
		}
		again := &Report{Path: r.Path}
		if err := again.Resume(j); err != nil {
			t.Fatal(err)
		}
		again.Add("two", writer.LeftOut{Kind: format.String, Key: []byte("new"), Reason: "refused"})
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(r.Path)
		if err != nil || !strings.HasPrefix(string(got), want) || strings.Count(string(got), "\n") != strings.Count(want, "\n")+1 || !strings.Contains(string(got[len(want):]), `"\"new\""`) {
			t.Fatalf("cut at %d:\n%s\nwant\n%s and one more, %v", cut, got, want, err)
		}
		if int(again.lines) != strings.Count(string(got), "\n") {
			t.Errorf("%d lines, %s", again.lines, got)
		}
	}
}

// TestReportResumedInBucket: the same of a report in a bucket.
func TestReportResumedInBucket(t *testing.T) {
	j, err := journal.Open(t.TempDir(), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if _, err := j.Begin(journal.Identity{}, true, ""); err != nil {
		t.Fatal(err)
	}
	if err := j.Unit("one").Reach(journal.Position{Checkpoint: checkpoint.Checkpoint{Record: 9, Stats: checkpoint.Stats{LeftOut: map[string]int64{"refused": 2}}}}); err != nil {
		t.Fatal(err)
	}
	b, err := storage.Create(t.Context(), s3server.Start(t).URL("state"), storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	add := func(r *Report, keys string) {
		t.Helper()
		for _, key := range strings.Fields(keys) {
			r.Add("one", writer.LeftOut{Kind: format.String, Key: []byte(key), Reason: "refused"})
			if err := r.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	r := &Report{Store: b}
	r.Beside(j)
	add(r, "a b lost1 lost2")
	for range 2 {
		r = &Report{Store: b}
		r.Beside(j)
		if err := r.Resume(j); err != nil {
			t.Fatal(err)
		}
		add(r, "c")
		old, err := r.Read()
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(old)
		var keys []string
		for line := range strings.Lines(string(got)) {
			var l Line
			if err := json.Unmarshal([]byte(line), &l); err != nil {
				t.Fatal(err)
			}
			keys = append(keys, string(l.Key))
		}
		if err := errors.Join(err, old.Close()); err != nil || strings.Join(keys, " ") != "a b c" || r.lines != 3 {
			t.Errorf("%q, %d lines, %v", keys, r.lines, err)
		}
	}
}

// TestReportLink: a link, such as /dev/stdout, is written through and never replaced.
func TestReportLink(t *testing.T) {
	dir := t.TempDir()
	j, err := journal.Open(filepath.Join(dir, "state"), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if _, err := j.Begin(journal.Identity{}, true, ""); err != nil {
		t.Fatal(err)
	}
	link, file := filepath.Join(dir, "link"), filepath.Join(dir, "file")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Symlink(file, link)); err != nil {
		t.Fatal(err)
	}
	r := &Report{Path: link}
	if err := r.Resume(j); err != nil {
		t.Fatal(err)
	}
	r.Add("one", writer.LeftOut{Kind: format.String, Key: []byte("a"), Reason: "refused"})
	err = r.Close()
	if got, rerr := os.ReadFile(file); err != nil || rerr != nil || !strings.Contains(string(got), `"refused"`) {
		t.Errorf("%q, %v, %v", got, err, rerr)
	}
	if to, err := os.Readlink(link); to != file || err != nil {
		t.Errorf("the link is now %q, %v", to, err)
	}
}
