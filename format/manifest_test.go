package format

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

var testTime = time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)

// testManifest describes a dump of one database and all types, the hashes in three chunks.
func testManifest(t testing.TB) *Manifest {
	t.Helper()
	info := NewInfo("pikadump test", testTime,
		Source{Address: "127.0.0.1:9221", Server: "pika", Version: "3.5.5", Role: "master", Databases: 1},
		Options{Databases: []int{0}, Types: slices.Clone(Types)})
	info.Dump = testDump
	m := &Manifest{Info: info, Finished: testTime.Add(time.Minute)}
	m.Source.WriteBinlog, m.Source.Binlog, m.BinlogAfter = "yes", []BinlogPosition{{0, 1, 2}}, []BinlogPosition{{0, 1, 2}}
	m.Judge()
	for _, typ := range Types {
		add := func(number int, start string, continues bool, end []byte, recs ...Record) {
			h := testHeader(typ)
			h.Number, h.Start, h.Continues = number, b(start), continues
			data := mustChunk(t, h, recs, end)
			h, _, f, err := readAll(data)
			if err != nil {
				t.Fatal(err)
			}
			m.Chunks = append(m.Chunks, NewChunkInfo(h, f, int64(len(data)), make([]byte, 32)))
		}
		if typ == TypeHash {
			add(2, "h", true, nil, Record{Kind: Hash, Key: b("h"), Part: PartLast})
			add(0, "", false, b("b\xff"))
			add(1, "b\xff", false, b("h"), Record{Kind: Hash, Key: b("h"), Part: PartFirst})
			continue
		}
		add(0, "", false, nil, sampleRecords(typ)...)
	}
	m.SumUp()
	return m
}

func TestManifestRoundTrip(t *testing.T) {
	m := testManifest(t)
	m.Conflicts = 2
	m.Skipped, m.Chunks[0].Skipped = []Reason{{"too large", 3}}, 3
	m.Lists = []File{{ConflictsName, 1, strings.Repeat("0", 64)}, {SkippedName, 1, strings.Repeat("f", 64)}}
	data, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseManifest(data)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, m) {
		t.Errorf("got  %+v\nwant %+v", got, m)
	}
	if got.Totals[1].Chunks != 3 || got.Totals[1].Keys != 1 {
		t.Errorf("totals of hash: %+v", got.Totals[1])
	}
	info, err := m.Info.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ParseInfo(info); err != nil || !reflect.DeepEqual(*got, m.Info) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestManifestRefuses(t *testing.T) {
	sum := strings.Repeat("0", 64)
	name := func(s string) func(m *Manifest) { return func(m *Manifest) { m.Chunks[0].Name = s } }
	tests := map[string]struct {
		edit func(m *Manifest)
		want string
	}{
		"dots":             {name("chunks/db0/string/../000000.mpz"), "not the name of a chunk"},
		"dots at front":    {name("../chunks/db0/string/000000.mpz"), "not the name of a chunk"},
		"absolute":         {name("/chunks/db0/string/000000.mpz"), "not the name of a chunk"},
		"backslash":        {name(`chunks\db0\string\000000.mpz`), "not the name of a chunk"},
		"leading zero":     {name("chunks/db00/string/000000.mpz"), "not the name of a chunk"},
		"too many zeros":   {name("chunks/db0/string/0000000.mpz"), "not the name of a chunk"},
		"high number":      {name("chunks/db0/string/2147483648.mpz"), "not the name of a chunk"},
		"high database":    {name("chunks/db65536/string/000000.mpz"), "not the name of a chunk"},
		"newline":          {name("chunks/db0/string/000000.mpz\n"), "not the name of a chunk"},
		"NUL":              {name("chunks/db0/string/000000.mpz\x00"), "not the name of a chunk"},
		"unknown type":     {name("chunks/db0/json/000000.mpz"), "not the name of a chunk"},
		"empty name":       {name(""), "not the name of a chunk"},
		"other database":   {name("chunks/db1/string/000000.mpz"), "another database or type"},
		"other type":       {name("chunks/db0/hash/000000.mpz"), "another database or type"},
		"twice":            {func(m *Manifest) { m.Chunks[2].Name = m.Chunks[1].Name }, "listed twice"},
		"no start":         {func(m *Manifest) { m.Chunks[0].Start = nil }, "no start"},
		"sum":              {func(m *Manifest) { m.Chunks[0].SHA256 = "00" }, "64 hexadecimal digits"},
		"size":             {func(m *Manifest) { m.Chunks[0].Size = -1 }, "negative"},
		"counts":           {func(m *Manifest) { m.Chunks[0].Keys = 1 << 40 }, "contradict"},
		"totals":           {func(m *Manifest) { m.Totals[0].Keys++ }, "totals"},
		"gap":              {func(m *Manifest) { m.Chunks[2].Start = b("c") }, "no chunk covers"},
		"gap at the start": {func(m *Manifest) { m.Chunks[0].Start = b("a") }, "no chunk covers"},
		"gap at the end":   {func(m *Manifest) { m.Chunks[0].End = b("z") }, "no chunk covers"},
		"overlap":          {func(m *Manifest) { m.Chunks[1].End = b("c") }, "no chunk covers"},
		"overlap, no end":  {func(m *Manifest) { m.Chunks[1].End = nil }, "overlaps"},
		"backwards":        {func(m *Manifest) { m.Chunks[2].End = b("a") }, "ends before it starts"},
		"empty range":      {func(m *Manifest) { m.Chunks[1].End = b("") }, "range is empty"},
		"open, no end":     {func(m *Manifest) { m.Chunks[0].Open = true }, "open but has no end"},
		"not continued":    {func(m *Manifest) { m.Chunks[3].Continues = false }, "does not go on"},
		"not open":         {func(m *Manifest) { m.Chunks[2].Open = false }, "does not go on"},
		"order":            {func(m *Manifest) { m.Chunks[1], m.Chunks[2] = m.Chunks[2], m.Chunks[1] }, "no chunk covers"},
		"missing type":     {func(m *Manifest) { m.Chunks = m.Chunks[1:]; m.SumUp() }, "no chunk covers it"},
		"no chunks":        {func(m *Manifest) { m.Chunks = nil; m.SumUp() }, "no chunk covers it"},
		"other type too":   {func(m *Manifest) { m.Options.Types = m.Options.Types[:5] }, "outside the dump's options"},
		"no types":         {func(m *Manifest) { m.Options.Types = nil }, "no databases or no types"},
		"type twice":       {func(m *Manifest) { m.Options.Types = append(m.Options.Types, TypeSet) }, "twice"},
		"databases":        {func(m *Manifest) { m.Options.Databases = []int{0, 0} }, "out of order"},
		"database":         {func(m *Manifest) { m.Options.Databases = []int{0, 65536} }, "above the limit"},
		"dump id":          {func(m *Manifest) { m.Dump = "x" }, "dump id"},
		"list name":        {func(m *Manifest) { m.Lists = []File{{"../x", 1, sum}} }, "not the name of a list"},
		"list twice":       {func(m *Manifest) { m.Conflicts = 1; m.Lists = []File{{ConflictsName, 1, sum}, {ConflictsName, 1, sum}} }, "listed twice"},
		"list uncounted":   {func(m *Manifest) { m.Lists = []File{{SkippedName, 1, sum}} }, "counts no line"},
		"list missing":     {func(m *Manifest) { m.Skipped = []Reason{{"x", 1}} }, "not listed"},
		"list sum":         {func(m *Manifest) { m.Conflicts = 1; m.Lists = []File{{ConflictsName, 1, "x"}} }, "64 hexadecimal"},
		"uncounted skip":   {func(m *Manifest) { m.Chunks[0].Skipped = 1 }, "not those of the chunks"},
		"uncounted end":    {func(m *Manifest) { m.Expired = 1 }, "not those of the chunks"},
		"negative reason":  {func(m *Manifest) { m.Skipped = []Reason{{"x", -1}} }, "-1 keys"},
		"negative count":   {func(m *Manifest) { m.Expired = -1 }, "negative"},
		"format":           {func(m *Manifest) { m.Format = "zip" }, "no dump"},
	}
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			m := testManifest(t)
			tt.edit(m)
			if _, err := m.Marshal(); err == nil {
				t.Error("Marshal accepts it")
			}
			data, err := seal(m) // a hostile file has a good seal
			if err != nil {
				t.Fatal(err)
			}
			_, err = ParseManifest(data)
			if e := wantCorrupt(err, ManifestName, len(data)); e != nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want …%s…", err, tt.want)
			}
		})
	}
}

func TestVersion3(t *testing.T) {
	m := testManifest(t)
	m.Version = 3
	manifest, err := seal(struct {
		*Manifest
		News string `json:"news"`
	}{m, "a field of version 3"})
	if err != nil {
		t.Fatal(err)
	}
	_, manifestErr := ParseManifest(manifest)
	info, err := seal(&m.Info)
	if err != nil {
		t.Fatal(err)
	}
	_, infoErr := ParseInfo(info)
	_, _, _, chunkErr := readAll(testCodec.encode(mapOf("magic", Magic, "news", []any{map[string]any{"a": 1.5}}, "version", 3), nil))
	for _, err := range []error{manifestErr, infoErr, chunkErr} {
		if !errors.Is(err, ErrVersion) || !strings.Contains(fmt.Sprint(err), "unknown format version 3: this program reads versions 1 to 2; use a newer one") {
			t.Errorf("got %v", err)
		}
	}
}

func TestUnknownJSONMember(t *testing.T) {
	for _, edit := range []string{`"news": 1,`, `"chunks": 1,`} {
		data, err := json.MarshalIndent(testManifest(t), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		data = bytes.Replace(data, b("{"), b("{"+edit), 1)
		_, err = ParseManifest(resealed(bytes.TrimSuffix(data, b("\n}"))))
		if err := wantCorrupt(err, ManifestName, len(data)); err != nil {
			t.Errorf("%s: %v", edit, err)
		}
	}
}

func TestJudge(t *testing.T) {
	at := func(n int64) []BinlogPosition { return []BinlogPosition{{0, 1, n}} }
	for _, tt := range []struct {
		want, writeBinlog string
		before, after     []BinlogPosition
	}{
		{NoWrites, "yes", at(1), at(1)},
		{Writes, "yes", at(1), at(2)},
		{CannotBeTold, "no", at(1), at(1)},
		{CannotBeTold, "yes", nil, nil},
		{CannotBeTold, "yes", at(1), nil},
	} {
		got := judge(&Source{WriteBinlog: tt.writeBinlog, Binlog: tt.before}, tt.after)
		if got.Statement != tt.want || got.Reason == "" {
			t.Errorf("got %+v, want %s", got, tt.want)
		}
	}
}

func TestChunkNames(t *testing.T) {
	for _, typ := range Types {
		for _, db := range []int{0, 1, MaxDatabase} {
			for _, n := range []int{0, 999999, 1000000, MaxNumber} {
				name := ChunkName(db, typ, n)
				if d, ty, no, err := ParseChunkName(name); err != nil || d != db || ty != typ || no != n {
					t.Errorf("%s: %d %s %d %v", name, d, ty, no, err)
				}
			}
		}
	}
}

// TestPatternOfNoText: bytes that JSON would change are not written.
func TestPatternOfNoText(t *testing.T) {
	in := NewInfo("x", testTime, Source{}, Options{Databases: []int{0}, Types: []Type{TypeHash}, Match: "a\xff*"})
	if _, err := in.Marshal(); err == nil || !strings.Contains(err.Error(), "no UTF-8") {
		t.Errorf("error %v", err)
	}
}
