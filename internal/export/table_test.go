package export

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
)

// TestTableDeleted: what a delta says is gone is said to be deleted, and is no key written.
func TestTableDeleted(t *testing.T) {
	dir := t.TempDir()
	smalldump.Delta(t, dir, smalldump.Make(t, smalldump.Options{}, nil), []format.Record{smalldump.Deleted("gone"), smalldump.String("here", "1")})
	a, err := archive.OpenAny(t.Context(), dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for whole, want := range map[bool]string{false: "   0  hash         deleted                       0  gone\n", true: "gone  (hash, db0, deleted)\n"} {
		var out bytes.Buffer
		x, err := New(t.Context(), a, &out, Options{Whole: whole})
		if err == nil {
			err = x.Cat()
		}
		s := summary.New("kvload", "1.0", "cat")
		if err = x.Conclude(s, err); err != nil || !strings.Contains(out.String(), want) || s.Keys != 1 || !strings.HasPrefix(s.Notes[0], "deleted or of another type, ") {
			t.Errorf("%v, %d keys, %q\n%s", err, s.Keys, s.Notes, &out)
		}
	}
}

// TestTableColumns: no line is wider than the terminal, also of characters that take two columns or
// none, and no character is cut into bytes that are shown as such.
func TestTableColumns(t *testing.T) {
	long := func(s string) string { return strings.Repeat(s, 200) }
	a := open(t, smalldump.Make(t, smalldump.Options{}, []format.Record{
		smalldump.String("accents", long("e\u0301")),
		smalldump.String("both a"+long("商"), "1"),
		smalldump.String("emoji", long("😀")),
		{Kind: format.HyperLogLog, Key: []byte("hyper"), Part: format.PartWhole, Value: []byte("1")},
		smalldump.Hash("lines", long("k"), "v"),
		smalldump.String("wide", long("描述")),
		smalldump.Hash("wide hash", "用户", long("a描")),
	}))
	for width := 50; width <= 210; width++ {
		var keys, chunks bytes.Buffer
		x, err := New(t.Context(), a, &keys, Options{Width: width})
		if err == nil {
			err = x.Cat()
		}
		if err == nil {
			err = listTable(&chunks, a.Manifest.Chunks, width)
		}
		if err != nil {
			t.Fatal(err)
		}
		if width <= narrow && !strings.Contains(keys.String(), " 0  hyperl              ") {
			t.Errorf("the columns do not stand below each other:\n%s", &keys)
		}
		if strings.Contains(keys.String(), `\x`) {
			t.Errorf("a character is shown as its bytes:\n%s", &keys)
		}
		for line := range strings.SplitSeq(keys.String()+chunks.String(), "\n") {
			if n := shownColumns(line); n > width || !utf8.ValidString(line) {
				t.Errorf("a line of %d columns, where there are %d: %q", n, width, line)
			}
		}
		for line := range strings.SplitSeq(keys.String(), "\n") {
			// One column may be left where a character of two does not fit.
			if n := shownColumns(line); strings.HasSuffix(line, "…") && n < width-1 {
				t.Errorf("a line is cut at %d columns, where there are %d: %q", n, width, line)
			}
		}
	}
}

// shownColumns returns the columns of what this test shows.
func shownColumns(line string) (n int) {
	for _, r := range line {
		switch {
		case r == '\u0301':
		case strings.ContainsRune("商描述用户😀", r):
			n += 2
		default:
			n++
		}
	}
	return n
}
