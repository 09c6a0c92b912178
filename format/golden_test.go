package format

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write golden dumps that are not there, and seeds")

// A goldenSet is a golden dump. It stays as it is: a later version gets a directory of its own.
type goldenSet struct {
	dir      string   // in testdata/golden
	manifest Manifest // but for lists, chunks and totals
	chunks   []goldenChunk
	lists    map[string][]listLine
}

func goldenSets() []goldenSet {
	return append([]goldenSet{{"v1", goldenManifest(), goldenChunks(), goldenLists}}, goldenChain()...)
}

func (g *goldenSet) path(name string) string {
	return filepath.Join("..", "testdata", "golden", filepath.FromSlash(g.dir), filepath.FromSlash(name))
}

func (g *goldenSet) read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(g.path(name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

const goldenDump = "00112233445566778899aabbccddeeff"

type goldenChunk struct {
	db, number int
	typ        Type
	start, end []byte
	continues  bool
	recs       []Record
	expired    int
	skipped    []SkippedKey
}

func (c *goldenChunk) header(in *Info) Header {
	return Header{
		Magic: Magic, Version: in.Version, Dump: in.Dump, DB: c.db, Type: c.typ, Number: c.number,
		Start: append([]byte{}, c.start...), Continues: c.continues, Writer: "golden 1",
	}
}

func (c *goldenChunk) note(cw *ChunkWriter) {
	for range c.expired {
		cw.Expire()
	}
	for _, k := range c.skipped {
		cw.Skip(k.Key, k.Reason, k.Detail)
	}
}

// goldenChunks returns what the golden dump holds: db 0 with samples of all types, the lists
// with a key over three chunks and strings in more than one frame; db 2 with one key.
func goldenChunks() []goldenChunk {
	big := bytes.Repeat(b("0123456789abcdef"), 40<<10) // 640 KiB
	strs := append(sampleRecords(TypeString),
		Record{Kind: String, Key: b("s1"), Part: PartFirst, Value: big, Expire: 4102444800123},
		Record{Kind: String, Key: b("s1"), Part: PartLast, Value: big[:100], Expire: 4102444800123},
		Record{Kind: String, Key: b("s2"), Part: PartWhole, Value: b("after")},
		Record{Kind: HyperLogLog, Key: b("s3"), Part: PartWhole, Value: bytes.Repeat([]byte{0, 0x7f}, 300)})
	edgy := make([]Record, 0, len(edges))
	keys := slices.Clone(edges)
	slices.Sort(keys)
	for i, k := range keys {
		edgy = append(edgy, Record{Kind: Set, Key: b(k), Part: PartWhole, Elems: bs(edges...), Expire: int64(i)})
	}
	chain := func(part Part, from, to int) Record {
		r := Record{Kind: List, Key: b("chain"), Part: part, Expire: math.MaxInt64}
		for i := from; i < to; i++ {
			r.Elems = append(r.Elems, fmt.Appendf(nil, "%05d", i))
		}
		return r
	}
	lists := sampleRecords(TypeList)
	chunks := []goldenChunk{
		{typ: TypeString, recs: strs, expired: 4},
		{typ: TypeHash, end: b("m"), recs: sampleRecords(TypeHash), skipped: []SkippedKey{{b("\x00huge\xff"), "too large", "a field of 600 MiB"}}},
		{typ: TypeHash, start: b("m"), end: b("n\x00"), number: 1}, // no key lies there
		{typ: TypeHash, start: b("n\x00"), number: 2, recs: []Record{{Kind: Hash, Key: b("same"), Part: PartWhole, Elems: bs("f", "v")}}},
		{typ: TypeList, end: b("chain"), recs: append(lists, chain(PartFirst, 0, 20))},
		{typ: TypeList, start: b("chain"), end: b("chain"), continues: true, number: 1, recs: []Record{chain(0, 20, 40)}},
		{typ: TypeList, start: b("chain"), continues: true, number: 2, recs: []Record{chain(PartLast, 40, 57), {Kind: List, Key: b("same"), Part: PartWhole, Elems: bs("x")}}},
		{typ: TypeZset, recs: sampleRecords(TypeZset)},
		{typ: TypeSet, recs: edgy},
		{typ: TypeStream, recs: sampleRecords(TypeStream)},
	}
	for _, typ := range Types {
		c := goldenChunk{db: 2, typ: typ}
		if typ == TypeString {
			c.recs = []Record{{Kind: String, Key: b("k"), Part: PartWhole, Value: b("db2")}}
		}
		if typ == TypeStream {
			c.skipped = []SkippedKey{{b("odd"), "read failed", ""}}
		}
		chunks = append(chunks, c)
	}
	return chunks
}

// A listLine is a line of conflicts.jsonl or skipped.jsonl (docs/FORMAT.md §6.4).
type listLine struct {
	DB     int    `json:"db"`
	Key    []byte `json:"key"`
	Name   string `json:"name"`
	Type   Type   `json:"type,omitempty"`
	Types  []Type `json:"types,omitempty"`
	Reason string `json:"reason,omitempty"`
	Detail string `json:"detail,omitempty"`
}

var goldenLists = map[string][]listLine{
	ConflictsName: {{DB: 0, Key: b("same"), Name: `"same"`, Types: []Type{TypeHash, TypeList}}},
	SkippedName: {
		{DB: 0, Key: b("\x00huge\xff"), Name: `"\x00huge\xff"`, Type: TypeHash, Reason: "too large", Detail: "a field of 600 MiB"},
		{DB: 2, Key: b("odd"), Name: `"odd"`, Type: TypeStream, Reason: "read failed"},
	},
}

func goldenInfo() Info {
	return Info{
		Format: dumpFormat, Version: 1, Dump: goldenDump, Tool: "golden 1", Started: time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC),
		Source: Source{
			Address: "pika.example:9221", Server: "pika", Version: "3.5.5",
			RunID: "0123456789abcdef0123456789abcdef01234567", Role: "master", Databases: 3,
			ClockDifference: -17, WriteBinlog: "yes", Binlog: []BinlogPosition{{0, 3, 1000}, {2, 0, 12}},
		},
		Options: Options{Databases: []int{0, 2}, Types: slices.Clone(Types), Match: "*", Scan: ScanRange},
	}
}

// goldenManifest returns the manifest but for lists, chunks and totals.
func goldenManifest() Manifest {
	m := Manifest{Info: goldenInfo(), Finished: time.Date(2026, 1, 2, 4, 5, 6, 789e6, time.UTC), Expired: 4, Conflicts: 1}
	m.BinlogAfter = []BinlogPosition{{0, 3, 1000}, {2, 0, 99}}
	m.Consistency = Consistency{"writes happened during the dump", "the binlog position of db2 moved"}
	m.Skipped = []Reason{{"read failed", 1}, {"too large", 1}}
	return m
}

// TestGolden reads the dumps that each version wrote. It compares contents: compressed
// bytes change with the library and are never made anew to be compared.
func TestGolden(t *testing.T) {
	for _, g := range goldenSets() {
		t.Run(g.dir, func(t *testing.T) {
			if _, err := os.Stat(g.path("")); err != nil && *update {
				g.write(t)
			}
			g.check(t)
		})
	}
}

func (g *goldenSet) check(t *testing.T) {
	info, err := ParseInfo(g.read(t, InfoName))
	if err != nil {
		t.Fatal(err)
	}
	if want := g.manifest.Info; !reflect.DeepEqual(*info, want) {
		t.Errorf("dump.json: %+v, want %+v", *info, want)
	}
	m, err := ParseManifest(g.read(t, ManifestName))
	if err != nil {
		t.Fatal(err)
	}
	want := g.manifest
	want.Lists, want.Chunks, want.Totals = m.Lists, m.Chunks, m.Totals
	if !reflect.DeepEqual(*m, want) {
		t.Errorf("manifest.json: %+v, want %+v", *m, want)
	}
	// What is written today for the same is the same, byte for byte: of chunks what they hold.
	for name, file := range map[string]interface{ Marshal() ([]byte, error) }{InfoName: info, ManifestName: m} {
		if data, err := file.Marshal(); err != nil || !bytes.Equal(data, g.read(t, name)) {
			t.Errorf("%s is written otherwise today, %v:\n%s", name, err, data)
		}
	}
	listed := map[string]bool{InfoName: true, ManifestName: true}
	if len(m.Chunks) != len(g.chunks) {
		t.Fatalf("%d chunks, want %d", len(m.Chunks), len(g.chunks))
	}
	for i, c := range m.Chunks {
		listed[c.Name] = true
		if err := checkGoldenChunk(t, info, &c, &g.chunks[i], g.read(t, c.Name)); err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
	}
	for _, l := range m.Lists {
		listed[l.Name] = true
		data := g.read(t, l.Name)
		if int64(len(data)) != l.Size || sha256Hex(data) != l.SHA256 {
			t.Errorf("%s is not the file that the manifest lists", l.Name)
		}
		var lines []listLine
		for text := range strings.Lines(string(data)) {
			var line listLine
			if err := json.Unmarshal(b(text), &line); err != nil || !strings.HasSuffix(text, "}\n") {
				t.Errorf("%s: %q: %v", l.Name, text, err)
			}
			lines = append(lines, line)
		}
		if !reflect.DeepEqual(lines, g.lists[l.Name]) {
			t.Errorf("%s: %+v, want %+v", l.Name, lines, g.lists[l.Name])
		}
	}
	for _, name := range g.files(t) {
		if !listed[name] {
			t.Errorf("%s is in the dump, but not in its manifest", name)
		}
	}
}

func checkGoldenChunk(t *testing.T, in *Info, c *ChunkInfo, want *goldenChunk, data []byte) error {
	h, recs, f, err := readAll(data)
	if err != nil {
		return err
	}
	if err := diffRecords(recs, want.recs); err != nil {
		return err
	}
	if !reflect.DeepEqual(h, want.header(in)) || !bytes.Equal(f.End, want.end) || (f.End == nil) != (want.end == nil) {
		return fmt.Errorf("header %+v, end %q", h, f.End)
	}
	if f.Expired != int64(want.expired) || len(f.Skipped) != len(want.skipped) ||
		len(f.Skipped) > 0 && !reflect.DeepEqual(f.Skipped, want.skipped) {
		return fmt.Errorf("%d expired, skipped %v", f.Expired, f.Skipped)
	}
	if !reflect.DeepEqual(*c, NewChunkInfo(h, f, int64(len(data)), sha256Sum(data))) {
		return errors.New("the manifest says something else of it")
	}
	if again := mustChunk(t, h, recs, f.End, want.note); !bytes.Equal(decompressed(t, again), decompressed(t, data)) {
		return errors.New("it is written otherwise today")
	}
	return nil
}

// decompressed returns what the frames of a chunk hold, joined.
func decompressed(t *testing.T, chunk []byte) (all []byte) {
	t.Helper()
	for r := bufio.NewReader(bytes.NewReader(chunk)); ; {
		f, err := readFrame(r, nil, nil)
		if err != nil || f.skippable {
			return all
		}
		raw, err := testCodec.decode(f, nil)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, raw...)
	}
}

// files returns the names of all files of the golden dump.
func (g *goldenSet) files(t *testing.T) []string {
	t.Helper()
	var names []string
	err := fs.WalkDir(os.DirFS(g.path("")), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func (g *goldenSet) write(t *testing.T) {
	write := func(name string, data []byte) {
		path := g.path(name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	must := func(data []byte, err error) []byte {
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	m := g.manifest
	write(InfoName, must(m.Info.Marshal()))
	for _, c := range g.chunks {
		data := mustChunk(t, c.header(&m.Info), c.recs, c.end, c.note)
		h, _, f, err := readAll(data)
		if err != nil {
			t.Fatal(err)
		}
		info := NewChunkInfo(h, f, int64(len(data)), sha256Sum(data))
		m.Chunks = append(m.Chunks, info)
		write(info.Name, data)
	}
	for _, name := range []string{ConflictsName, SkippedName} {
		var data []byte
		for _, l := range g.lists[name] {
			if l.Name != strconv.Quote(string(l.Key)) {
				t.Fatalf("name %s of key %q", l.Name, l.Key)
			}
			data = append(append(data, must(json.Marshal(l))...), '\n')
		}
		if data == nil {
			continue
		}
		m.Lists = append(m.Lists, File{name, int64(len(data)), sha256Hex(data)})
		write(name, data)
	}
	m.SumUp()
	write(ManifestName, must(m.Marshal()))
}
