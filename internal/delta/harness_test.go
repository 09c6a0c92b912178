package delta_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// open opens a source.
func open(t *testing.T, o reader.Options) *reader.Scanner {
	t.Helper()
	s, err := reader.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// info returns what a delta of all that a source has is begun with.
func info(s *reader.Scanner) format.Info {
	base := strings.Repeat("0", 32)
	options := format.Options{Types: s.Types(nil)}
	for db := range s.Source().Databases {
		options.Databases = append(options.Databases, db)
	}
	return format.NewDelta("test", time.Now(), s.Source().Source, options, format.Delta{
		Base: base, After: base, Number: 1, Made: format.MadeByScan, Until: time.Now(),
	})
}

// create begins a delta, and returns where.
func create(t *testing.T, s *reader.Scanner) (*archive.Writer, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "delta")
	w, err := archive.Create(t.Context(), dir, info(s), archive.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return w, dir
}

// finish finishes a delta and returns its records, a line each.
func finish(t *testing.T, w *archive.Writer, dir string, manyTypes bool) []string {
	t.Helper()
	if _, err := w.Finish(nil, manyTypes); err != nil {
		t.Fatal(err)
	}
	w.Close()
	return records(t, dir)
}

// records returns the records of a dump, a line each; the parts of a key as one.
func records(t *testing.T, dir string) (lines []string) {
	t.Helper()
	a, err := archive.OpenAny(t.Context(), dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if bad, err := a.Check(t.Context(), func(format.ChunkInfo) {}, func(err error) { t.Error(err) }); bad > 0 || err != nil {
		t.Fatal(err)
	}
	for u, r := range smalldump.Records(t, a) {
		line := fmt.Sprintf("%d %s %q %s", u[0].DB, u[0].Type, r.Key, r.Kind)
		if r.Kind == format.Deleted {
			lines = append(lines, line)
			continue
		}
		if r.Part&format.PartFirst != 0 {
			lines = append(lines, fmt.Sprint(line, " ", r.Expire, ":"))
		}
		text := &lines[len(lines)-1]
		*text += string(r.Value)
		for i, e := range r.Elems {
			*text += " " + string(e)
			if r.Kind == format.Zset {
				*text += fmt.Sprint("=", r.Scores[i])
			}
		}
		for _, e := range r.Entries {
			*text += fmt.Sprintf(" %s%q", e.ID, e.Fields)
		}
		if r.State != nil {
			*text += fmt.Sprint(" ", *r.State)
		}
	}
	return lines
}
