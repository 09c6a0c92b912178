package format

import (
	"bytes"
	"encoding/hex"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// docs/FORMAT.md and this package must say the same.

func spec(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "docs", "FORMAT.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// specDelta is the chunk of the worked example of §13.5.
func specDelta() (Header, []Record) {
	h, _ := specExample()
	h.Version, h.Dump = Version2, "ffeeddccbbaa99887766554433221100"
	return h, []Record{
		{Kind: Deleted, Key: b("gone"), Part: PartWhole},
		{Kind: Zset, Key: b("zz"), Part: PartWhole, Elems: bs(""), Scores: []float64{1}},
	}
}

// specExample is the chunk of the worked example of §10.
func specExample() (Header, []Record) {
	h := Header{
		Magic: Magic, Version: 1, Dump: goldenDump, DB: 0, Type: TypeZset, Number: 0,
		Start: []byte{}, Writer: "example 1",
	}
	return h, []Record{
		{Kind: Zset, Key: b("z\x00"), Expire: 1893456000000, Part: PartWhole, Elems: bs("a", "b"), Scores: []float64{1.5, math.Inf(-1)}},
		{Kind: Zset, Key: b("zz"), Part: PartWhole, Elems: bs(""), Scores: []float64{math.Copysign(0, -1)}},
	}
}

// hexBlock returns the bytes of the code block called name: pairs of digits, up to a
// # on each line.
func hexBlock(t *testing.T, text, name string) []byte {
	t.Helper()
	_, text, ok := strings.Cut(text, "```hex "+name+"\n")
	block, _, ok2 := strings.Cut(text, "```")
	if !ok || !ok2 {
		t.Fatalf("FORMAT.md has no hex block %q", name)
	}
	var digits strings.Builder
	for line := range strings.Lines(block) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	data, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestSpecExample(t *testing.T) {
	h, recs := specExample()
	checkExample(t, "file", h, recs, 0)
	h, recs = specDelta()
	checkExample(t, "delta", h, recs, len(mustMap(t, &h)))
}

// checkExample compares the chunk of the block called name with what it is to be, and what it
// holds, from byte from on, with the block "content", or "delta content".
func checkExample(t *testing.T, name string, wantHeader Header, want []Record, from int) {
	text := spec(t)
	file := hexBlock(t, text, name)
	h, recs, f, err := readAll(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := diffRecords(recs, want); err != nil {
		t.Error(err)
	}
	if !bytes.Equal(mustMap(t, &h), mustMap(t, &wantHeader)) || f.End != nil || f.Stats.Keys+f.Stats.Deleted != 2 {
		t.Errorf("header %+v, footer %+v", h, f)
	}
	raw := mustMap(t, &h)
	for i := range recs {
		raw = AppendRecord(raw, &recs[i])
	}
	end, err := f.marshal(h.Version)
	if err != nil {
		t.Fatal(err)
	}
	raw = append(raw, end...)
	content := "content"
	if from > 0 {
		content = name + " content"
	}
	if got := hexBlock(t, text, content); !bytes.Equal(got, raw[from:]) {
		t.Errorf("the content is\n%x\nFORMAT.md says\n%x", raw[from:], got)
	}
	if size := strconv.Itoa(len(file)) + " bytes"; !strings.Contains(text, size) {
		t.Errorf("FORMAT.md does not say that the example has %s", size)
	}
}

func mustMap(t *testing.T, v any) []byte {
	t.Helper()
	data, err := marshalMap(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestSpecLimits(t *testing.T) {
	rows := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| ([0-9]+) \\|").FindAllStringSubmatch(spec(t), -1) {
		rows[m[1]] = m[2]
	}
	limits := map[string]int{
		"MaxBulk": MaxBulk, "MaxFrame": MaxFrame, "MaxElements": MaxElements, "MaxFrames": MaxFrames, "MaxWindow": MaxWindow,
		"MaxDatabase": MaxDatabase, "MaxNumber": MaxNumber, "MaxManifest": MaxManifest, "MaxDelta": MaxDelta,
	}
	for name, v := range limits {
		if rows[name] != strconv.Itoa(v) {
			t.Errorf("%s is %d, FORMAT.md says %q", name, v, rows[name])
		}
	}
	if len(rows) != len(limits) {
		t.Errorf("FORMAT.md lists %d limits, the test %d", len(rows), len(limits))
	}
	code, err := os.ReadFile("limits.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^\t(Max\w+) +=`).FindAllSubmatch(code, -1) {
		if _, ok := limits[string(m[1])]; !ok {
			t.Errorf("%s of limits.go is not in the test", m[1])
		}
	}
}

// TestSpecSections: every section that the code cites is there.
func TestSpecSections(t *testing.T) {
	text := spec(t)
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	cited := 0
	for _, name := range append(files, filepath.Join("..", "docs", "read_chunk.py"), filepath.Join("..", "docs", "read_chunk.mjs")) {
		code, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?:FORMAT.md |# |// )§([0-9.]*[0-9])`).FindAllSubmatch(code, -1) {
			cited++
			if !regexp.MustCompile(`(?m)^#+ ` + regexp.QuoteMeta(string(m[1])) + `\.? `).MatchString(text) {
				t.Errorf("%s cites §%s, which FORMAT.md does not have", name, m[1])
			}
		}
	}
	if cited < 15 {
		t.Errorf("only %d citations found", cited)
	}
}

// TestSpecFields: every field of a header, a footer and the JSON files is in a table.
func TestSpecFields(t *testing.T) {
	text := spec(t)
	var fields []string
	for _, file := range []string{"manifest.go", "info.go", "delta.go", "header.go", "footer.go"} {
		code, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile("(?:json|msgpack):\"(\\w+)").FindAllSubmatch(code, -1) {
			fields = append(fields, string(m[1]))
		}
	}
	if len(fields) < 50 {
		t.Fatalf("only %d fields are found: %v", len(fields), fields)
	}
	for _, name := range fields {
		if !strings.Contains(text, "`"+name+"`") {
			t.Errorf("FORMAT.md does not speak of %q", name)
		}
	}
}
