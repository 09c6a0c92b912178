package summary

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/jsonfields"
)

// TestDocumented: the schema is what the documents say, in both languages, and nothing else.
func TestDocumented(t *testing.T) {
	fields := map[string]bool{}
	for _, field := range jsonfields.Of(reflect.TypeFor[Summary]()) {
		fields[field] = true
	}
	row := regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")
	for _, name := range []string{"../../docs/operations/results.md", "../../docs/zh/operations/results.md"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		said := map[string]bool{}
		for _, m := range row.FindAllStringSubmatch(strings.Split(string(text), "\n## ")[1], -1) {
			said[m[1]] = true
		}
		for _, field := range slices.Sorted(maps.Keys(fields)) {
			if !said[field] {
				t.Errorf("%s does not say what %s is", name, field)
			}
		}
		for _, field := range slices.Sorted(maps.Keys(said)) {
			if !fields[field] {
				t.Errorf("%s says what %s is, which no result has", name, field)
			}
		}
		for _, table := range []map[string]string{report.Reasons, report.LoadReasons, report.ShowReasons, report.Differences} {
			for reason, meaning := range table {
				if !strings.Contains(string(text), "| `"+reason+"` |") || strings.Contains(name, "zh") == strings.Contains(string(text), "| `"+reason+"` | "+meaning+" |") {
					t.Errorf("%s does not say of %s: %s", name, reason, meaning)
				}
			}
		}
	}
}

// ended returns the summary of a run that has come to much.
func ended(now *time.Time) *Summary {
	s := newSummary("kvload", "1.0", "load", func() time.Time { return *now })
	s.Of(&format.Manifest{Info: format.Info{Dump: "4f6c0b5e8a7d4c0f9d1e2a3b4c5d6e7f"}}, "s3://backups/pika?endpoint=https://SECRET")
	s.Target = "kvrocks 2.10.1 at 10.0.0.9:6666, with a long description of what it is and of what it can do"
	s.Counts = Counts{Keys: 1_234_567, Elements: 9_876_543, Bytes: 1 << 30}
	s.Resumed(Counts{Keys: 234_567, Bytes: 1 << 29}, now.Add(-time.Hour), time.Time{})
	s.Finished = true
	s.Leave("refused", 12, report.LoadReasons["refused"], true, "/backup/left-out.jsonl")
	s.Leave("changed", 1, "", true, "/backup/1.jsonl, /backup/left-out.jsonl")
	s.Leave("expired", 7, report.LoadReasons["expired"], false, "")
	s.Leave("short", 0, report.LoadReasons["short"], false, "")
	s.File("journal", "s3://backups/state?endpoint=https://SECRET")
	s.Comparison = &Comparison{Keys: 1_234_567, Differing: 1, Bound: 1, Differences: []Difference{{"value", 1, false, report.Differences["value"]}}}
	s.Next = []string{"kvload verify --uri redis://10.0.0.9:6666 --in /backup/pika --map-db '0=default,1=NS1 or another' --left-out /backup/left-out.jsonl"}
	s.Retried()
	*now = now.Add(100 * time.Second)
	s.End(errors.Join(errors.New("one"), errors.New("two")), exitcode.LeftOut)
	return s
}

// TestText: it says how much, how fast, where, what was left out and why, and what comes next, in
// 80 columns; what is to be pasted is whole.
func TestText(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s := ended(&now)
	text := ""
	for columns, most := range map[int]int{60: 60, 70: 70, 80: 80, 200: 80} {
		var b bytes.Buffer
		if err := s.Text(&b, columns); err != nil {
			t.Fatal(err)
		}
		text = b.String()
		for line := range strings.Lines(text) {
			if utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > most {
				t.Errorf("longer than %d columns: %s", most, line)
			}
			if words := strings.Fields(line); strings.HasSuffix(line, " \\\n") && strings.HasPrefix(words[len(words)-2], "--") {
				t.Errorf("in %d columns a flag is without its value: %s", columns, line)
			}
		}
	}
	for _, want := range []string{
		"left out (exit code 3): loaded 1,234,567 keys with 9,876,543 elements, 1.0 GiB of names and values, in 1m40s by this run, 1h1m40s in all",
		"speed     10,000 keys a second, 5.1 MiB/s", "12 keys: refused (the target refused it, or a part of it)", "7 keys: expired (expired since the dump): no loss",
		"list      /backup/left-out.jsonl, /backup/1.jsonl\n", "retries   1", "no: compared", "dump      s3://backups/pika (4f6c",
	} {
		if !strings.Contains(s.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, s)
		}
	}
	_, next, _ := strings.Cut(text, "  next ")
	if pasted := strings.Join(strings.Fields(strings.ReplaceAll(next, "\\\n", "")), " "); pasted != s.Next[0] {
		t.Errorf("pasted it is %q:\n%s", pasted, next)
	}
	if strings.Contains(text, "SECRET") || strings.Contains(text, "short") {
		t.Error(text)
	}
}

// TestShort: what took less than a second is not said to have taken one.
func TestShort(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s := newSummary("kvload", "1.0", "check", func() time.Time { return now })
	now = now.Add(234 * time.Millisecond)
	s.End(nil, exitcode.Done)
	if text := s.String(); !strings.Contains(text, "in 230ms\n") {
		t.Error(text)
	}
}

// TestTimes: all runs take as long as this one at least, and one that finds all done adds nothing.
func TestTimes(t *testing.T) {
	began := time.Unix(1_800_000_000, 0)
	for ended, want := range map[time.Time]string{{}: "in 8s by this run, 16s in all", began.Add(7 * time.Second): "in 8s by this run; it was done before, in 7s"} {
		now := began.Add(8 * time.Second)
		s := newSummary("kvload", "1.0", "load", func() time.Time { return now })
		s.Resumed(Counts{}, began, ended)
		now = now.Add(8 * time.Second)
		s.End(nil, exitcode.Done)
		if text := s.String(); !strings.Contains(text, want) {
			t.Errorf("%q, want %q", text, want)
		}
	}
}

// TestChain: no delta is none, and what one key is, is said of one.
func TestChain(t *testing.T) {
	for _, tc := range []struct {
		tool    string
		deltas  int
		deleted int64
		want    string
	}{
		{"pikadump", 0, 0, "done: made no delta, in"},
		{"pikadump", 1, 0, "done: made 1 delta of 0 keys, in"},
		{"kvload", 0, 0, "done: loaded no delta, in"},
		{"kvload", 2, 1, "deleted   1 key of the target that is gone at the source\n"},
		{"kvload", 2, 2, "deleted   2 keys of the target that are gone at the source\n"},
	} {
		s := New(tc.tool, "1.0", "follow")
		s.Chain, s.Deleted = &Chain{Deltas: tc.deltas}, tc.deleted
		s.End(nil, exitcode.Done)
		if text := s.String(); !strings.Contains(text, tc.want) {
			t.Errorf("%s, want %q", text, tc.want)
		}
	}
}

// TestNothing: of a command that came to nothing its error says all.
func TestNothing(t *testing.T) {
	for _, chain := range []*Chain{nil, {Place: "/backup/chain"}} {
		s := New("pikadump", "1.0", "follow")
		s.Chain = chain
		s.End(errors.New("no"), exitcode.Refused)
		if text := s.String(); text != "" {
			t.Errorf("%q", text)
		}
	}
}

// TestJSON: a result has every field, and no list is null.
func TestJSON(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for _, s := range []*Summary{ended(&now), New("kvload", "1.0", "load")} {
		var b bytes.Buffer
		if err := s.JSON(&b); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(b.String(), "SECRET") {
			t.Error(&b)
		}
		var got map[string]any
		if err := json.Unmarshal(b.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		for _, list := range []string{"totals", "left_out", "files", "notes", "targets", "next"} {
			if _, ok := got[list].([]any); !ok {
				t.Errorf("%s is %v", list, got[list])
			}
		}
	}
	if s := ended(&now); s.Result != Left || s.Error != "one; two" || s.Retries != 1 || s.KeysPerSecond != 10_000 {
		t.Errorf("%+v", s)
	}
}

// TestSpeed: a comparison behind a load does not count for its speed.
func TestSpeed(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s := newSummary("kvload", "1.0", "load", func() time.Time { return now })
	s.Counts = Counts{Keys: 1000, Bytes: 4000}
	now = now.Add(2 * time.Second)
	s.Moved()
	now = now.Add(8 * time.Second)
	s.End(nil, exitcode.Done)
	if s.KeysPerSecond != 500 || s.BytesPerSecond != 2000 || s.Seconds != 10 {
		t.Errorf("%+v", s)
	}
}

// TestDifferences: what is explained is not counted with what is not, and a sample stays one.
func TestDifferences(t *testing.T) {
	a := []Difference{{Kind: "type", Keys: 1}, {Kind: "value", Keys: 2}}
	c := Comparison{Differences: a}
	got := c.With(&Comparison{Sampled: true, Differences: []Difference{{Kind: "value", Keys: 3}, {Kind: "value", Keys: 4, Explained: true}}})
	want := []Difference{{Kind: "type", Keys: 1}, {Kind: "value", Keys: 5}, {Kind: "value", Keys: 4, Explained: true}}
	if !slices.Equal(got.Differences, want) || a[1].Keys != 2 || !got.Sampled {
		t.Errorf("%+v of %v, want %v", got, a, want)
	}
}

// TestRestartOnce: what the error says of a restart of the source the summary does not say again.
func TestRestartOnce(t *testing.T) {
	for text, says := range map[string]bool{"": true, "the source was restarted, or another one took its address": false} {
		s := New("pikadump", "1.0", "follow")
		s.Chain, s.Error, s.Result = &Chain{Number: 1, Deltas: 1, Restarted: true}, text, Left
		if got := strings.Contains(s.String(), "the source was restarted"); got != says {
			t.Errorf("behind %q: %v\n%s", text, got, s)
		}
	}
}
