package format

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func deltaHeader(t Type) Header {
	h := testHeader(t)
	h.Version = Version2
	return h
}

// sampleDelta returns the records of sampleRecords with deleted keys before, between and behind
// them.
func sampleDelta(t Type) []Record {
	recs := slices.DeleteFunc(sampleRecords(t), func(r Record) bool { return len(r.Key) == 0 })
	for _, key := range []string{"", "\x00", "b\x00", "i", "\xff\xff"} {
		recs = append(recs, Record{Kind: Deleted, Key: b(key), Part: PartWhole})
	}
	slices.SortStableFunc(recs, func(x, y Record) int { return bytes.Compare(x.Key, y.Key) })
	return recs
}

// testDelta describes a delta of what testManifest describes.
func testDelta(t testing.TB) *Manifest {
	t.Helper()
	m := testManifest(t)
	m.Info = NewDelta("pikadump test", testTime, m.Source, m.Options, Delta{
		Base: testDump, After: testDump, Number: 1, Made: MadeByBinlog,
		From: []BinlogPosition{{0, 1, 2}}, To: []BinlogPosition{{0, 2, 0}}, Until: testTime.Add(time.Second),
	})
	m.Dump = strings.Repeat("e", 32)
	for i := range m.Chunks {
		m.Chunks[i].Records++
		m.Chunks[i].Deleted++
	}
	m.SumUp()
	return m
}

func TestDeltaRoundTrip(t *testing.T) {
	for _, typ := range Types {
		recs := sampleDelta(typ)
		roundTripOf(t, deltaHeader(typ), recs)
		_, _, f, err := readAll(mustChunk(t, deltaHeader(typ), recs, nil))
		if err != nil {
			t.Fatal(err)
		}
		want := Stats{Deleted: 5, Records: int64(len(recs))}
		for _, r := range recs {
			want.Raw += int64(len(AppendRecord(nil, &r)))
			want.Elements += int64(r.Elements())
			if r.Kind != Deleted && r.Part&PartFirst != 0 {
				want.Keys++
				want.Expiring += int64(min(r.Expire, 1))
			}
		}
		if f.Stats != want {
			t.Errorf("%s: counts %+v, want %+v", typ, f.Stats, want)
		}
	}
	m := testDelta(t)
	m.Delta.Last = true
	data, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ParseManifest(data); err != nil || !reflect.DeepEqual(got, m) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, m)
	}
	info, err := m.Info.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ParseInfo(info); err != nil || !reflect.DeepEqual(*got, m.Info) {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestDeletedNeedsDelta: neither does a chunk of version 1 take a deleted key, nor does a reader of
// one pass it on, whichever way it reads.
func TestDeletedNeedsDelta(t *testing.T) {
	gone := Record{Kind: Deleted, Key: b("gone"), Part: PartWhole}
	cw, err := NewChunkWriter(io.Discard, testCodec, testHeader(TypeSet))
	if err != nil {
		t.Fatal(err)
	}
	if err := cw.Write(&gone); !errors.Is(err, ErrKind) {
		t.Errorf("written: %v", err)
	}
	rec := AppendRecord(nil, &gone)
	s := Stats{Records: 1, Raw: int64(len(rec))}
	data := rawChunk(goodHeader(TypeSet), rec, goodFooter(s, "gone"))
	_, _, _, next := readAll(data)
	cr, err := NewChunkReader(bytes.NewReader(data), testCodec, "x")
	if err != nil {
		t.Fatal(err)
	}
	_, frame := cr.NextFrame()
	c, err := OpenChunk(bytes.NewReader(data), int64(len(data)), testCodec, "x")
	if err != nil {
		t.Fatal(err)
	}
	_, seek := c.Keys().Seek(nil)
	find := c.Find(b("gone"), func(*Record) error { return nil })
	for what, err := range map[string]error{"Next": next, "NextFrame": frame, "Seek": seek, "Find": find} {
		if !errors.Is(err, ErrKind) || !strings.Contains(err.Error(), "kind 16, deleted, in a dump of version 1") {
			t.Errorf("%s: %v", what, err)
		}
	}
	// Counts of each version stand in chunks of that version only.
	s.Deleted = 1
	for what, data := range map[string][]byte{
		"five counts in version 2": rawChunk(goodHeaderOf(Version2, TypeSet), rec, goodFooter(s, "gone")),
		"six counts in version 1":  rawChunk(goodHeader(TypeSet), mustMarshal(t, &Footer{Skipped: []SkippedKey{}, Index: bs()}, Version2)),
		"deleted not counted": rawChunk(goodHeaderOf(Version2, TypeSet), rec,
			mustMarshal(t, &Footer{Stats: Stats{Records: 1, Raw: s.Raw}, Skipped: []SkippedKey{}, Index: bs("gone")}, Version2)),
		"deleted counted as a key": rawChunk(goodHeaderOf(Version2, TypeSet), rec,
			mustMarshal(t, &Footer{Stats: Stats{Records: 1, Keys: 1, Deleted: 1, Raw: s.Raw}, Skipped: []SkippedKey{}, Index: bs("gone")}, Version2)),
		"more values": rawChunk(goodHeaderOf(Version2, TypeSet), b("\x93\x10\xc4\x01k\x00"),
			mustMarshal(t, &Footer{Stats: s, Skipped: []SkippedKey{}, Index: bs("k")}, Version2)),
	} {
		if _, _, _, err := readAll(data); wantCorrupt(err, "test.mpz", len(data)) != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, r := range []Record{{Kind: Deleted, Part: PartFirst}, {Kind: Deleted, Part: PartWhole, Expire: 1}} {
		if r.Validate() == nil {
			t.Errorf("%+v is valid", r)
		}
	}
}

func mustMarshal(t *testing.T, f *Footer, version int) []byte {
	t.Helper()
	data, err := f.marshal(version)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestDamagedDelta(t *testing.T) {
	data := mustChunk(t, deltaHeader(TypeHash), sampleDelta(TypeHash), b("\xff\xff\xff"))
	damageChunk(t, data)
}

func TestDeltaRefuses(t *testing.T) {
	edits := map[string]struct {
		edit func(m *Manifest)
		want string
	}{
		"version 1":         {func(m *Manifest) { m.Version = 1 }, "a delta of version 1"},
		"no delta":          {func(m *Manifest) { m.Delta = nil }, "version 2 without a delta"},
		"counts, no delta":  {func(m *Manifest) { m.Delta, m.Version = nil, 1 }, "counts deleted keys"},
		"negative deleted":  {func(m *Manifest) { m.Chunks[0].Deleted = -1; m.SumUp() }, "contradict"},
		"too many deleted":  {func(m *Manifest) { m.Chunks[0].Deleted = m.Chunks[0].Records; m.SumUp() }, "contradict"},
		"base":              {func(m *Manifest) { m.Delta.Base = "x" }, "32 hexadecimal"},
		"after":             {func(m *Manifest) { m.Delta.After = "" }, "32 hexadecimal"},
		"number 0":          {func(m *Manifest) { m.Delta.Number = 0 }, "delta number 0"},
		"number too large":  {func(m *Manifest) { m.Delta.Number = MaxDelta + 1 }, "above the limit"},
		"1 not after base":  {func(m *Manifest) { m.Delta.After = strings.Repeat("a", 32) }, "cannot follow"},
		"2 after base":      {func(m *Manifest) { m.Delta.Number = 2 }, "cannot follow"},
		"its own base":      {func(m *Manifest) { m.Dump = m.Delta.Base }, "cannot follow"},
		"made":              {func(m *Manifest) { m.Delta.Made = "guess" }, "unknown way"},
		"sample":            {func(m *Manifest) { m.Options.Sample = 0.5 }, "trial"},
		"first keys":        {func(m *Manifest) { m.Options.LimitKeys = 5 }, "trial"},
		"until":             {func(m *Manifest) { m.Delta.Until = time.Time{} }, "until when"},
		"no positions":      {func(m *Manifest) { m.Delta.From, m.Delta.To = nil, nil }, "without its positions"},
		"no end":            {func(m *Manifest) { m.Delta.To = nil }, "without its positions"},
		"back in a file":    {func(m *Manifest) { m.Delta.To[0] = BinlogPosition{0, 1, 1} }, "cannot lead"},
		"back":              {func(m *Manifest) { m.Delta.To[0] = BinlogPosition{0, 0, 9} }, "cannot lead"},
		"other database":    {func(m *Manifest) { m.Delta.To[0].DB = 1 }, "cannot lead"},
		"database twice":    {func(m *Manifest) { m.Delta.To = append(m.Delta.To, m.Delta.To[0]) }, "out of order"},
		"negative position": {func(m *Manifest) { m.Delta.From[0].Offset = -1 }, "out of range"},
	}
	for what, tt := range edits {
		m := testDelta(t)
		tt.edit(m)
		_, err := m.Marshal()
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Marshal: %v, want …%s…", what, err, tt.want)
		}
		data, err := seal(m)
		if err != nil {
			t.Fatal(err)
		}
		_, err = ParseManifest(data)
		if e := wantCorrupt(err, ManifestName, len(data)); e != nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want …%s…", what, err, tt.want)
		}
	}
	m := testDelta(t)
	m.Delta.Made, m.Delta.From, m.Delta.To = MadeByScan, nil, nil
	if _, err := m.Marshal(); err != nil {
		t.Errorf("a scan that knows no positions: %v", err)
	}
}

// goldenChain returns the golden deltas of the golden dump of version 1.
func goldenChain() []goldenSet {
	at := func(minute int) time.Time { return time.Date(2026, 1, 3, 3, minute, 5, 678e6, time.UTC) }
	ids := []string{goldenDump, "0a" + goldenDump[2:], "0b" + goldenDump[2:]}
	base := goldenInfo()
	way := [][]BinlogPosition{base.Source.Binlog, {{0, 3, 2000}, {2, 1, 0}}, {{0, 4, 100}, {2, 1, 0}}}
	made := []string{MadeByBinlog, MadeByScan}
	held := []map[int][]Record{
		{0: {
			{Kind: String, Key: b(""), Part: PartWhole, Value: b("set anew")},
			{Kind: List, Key: b("chain"), Part: PartFirst, Elems: bs("0", "1"), Expire: 4102444800123},
			{Kind: List, Key: b("chain"), Part: PartLast, Elems: bs("2"), Expire: 4102444800123},
			{Kind: Zset, Key: b("same"), Part: PartWhole, Elems: bs("m"), Scores: []float64{2.5}},
			{Kind: Set, Key: b("same"), Part: PartWhole, Elems: bs("m")},
			{Kind: Deleted, Key: b("hll")},
			{Kind: Hash, Key: b("new"), Part: PartWhole, Elems: bs("f", "v"), Expire: 7},
		}, 2: {{Kind: Deleted, Key: b("k")}}},
		{0: {
			{Kind: Deleted, Key: b("new")},
			{Kind: Deleted, Key: b("never")},
			{Kind: Stream, Key: b("s"), Part: PartWhole, Entries: []Entry{{StreamID{9, 1}, bs("f", "v")}}, State: &StreamState{LastID: StreamID{9, 1}, EntriesAdded: 9}},
		}},
	}
	var sets []goldenSet
	for i := range made {
		in := base
		in.Version, in.Dump, in.Started = Version2, ids[i+1], at(10*i+1)
		in.Source.Binlog = way[i+1]
		in.Delta = &Delta{Base: ids[0], After: ids[i], Number: i + 1, Made: made[i], From: way[i], To: way[i+1], Until: at(10 * i), Last: i == 1}
		m := Manifest{Info: in, Finished: at(10*i + 2), BinlogAfter: way[i+1], Skipped: []Reason{}, Lists: []File{}}
		m.Consistency = Consistency{NoWrites, "the binlog positions before and after the dump are equal"}
		g := goldenSet{dir: []string{"v2/000001", "v2/000002"}[i], manifest: m}
		if i == 0 {
			g.manifest.Conflicts = 1
			g.lists = map[string][]listLine{ConflictsName: {{DB: 0, Key: b("same"), Name: `"same"`, Types: []Type{TypeZset, TypeSet}}}}
		}
		for _, db := range in.Options.Databases {
			for _, typ := range Types {
				g.chunks = append(g.chunks, goldenChunk{db: db, typ: typ, recs: ofType(held[i][db], typ)})
			}
		}
		sets = append(sets, g)
	}
	return sets
}

// ofType returns what the chunks of a type of a delta hold, if it says that of its names.
func ofType(all []Record, typ Type) (recs []Record) {
	there := map[string]bool{}
	for _, r := range all {
		if typ.Holds(r.Kind) {
			recs = append(recs, r)
			there[string(r.Key)] = true
		}
	}
	for _, r := range all {
		if !there[string(r.Key)] {
			recs = append(recs, Record{Kind: Deleted, Key: r.Key, Part: PartWhole})
			there[string(r.Key)] = true
		}
	}
	slices.SortStableFunc(recs, func(x, y Record) int { return bytes.Compare(x.Key, y.Key) })
	return recs
}

func TestFollows(t *testing.T) {
	sets := goldenChain()
	base := goldenInfo()
	one, two := sets[0].manifest.Info, sets[1].manifest.Info
	if err := errors.Join(one.Follows(&base), two.Follows(&one)); err != nil {
		t.Fatal(err)
	}
	for what, tt := range map[string]struct {
		before Info
		edit   func(in *Info, d *Delta)
		want   string
	}{
		"full dump":   {base, func(in *Info, d *Delta) { in.Delta = nil }, "full dump"},
		"base":        {one, func(in *Info, d *Delta) { d.Base = two.Dump }, "its base is"},
		"number":      {one, func(in *Info, d *Delta) { d.Number = 3 }, "was to follow"},
		"after":       {one, func(in *Info, d *Delta) { d.After = d.Base }, "was to follow"},
		"not after":   {base, func(in *Info, d *Delta) {}, "was to follow"},
		"not between": {two, func(in *Info, d *Delta) {}, "was to follow"},
		"from":        {one, func(in *Info, d *Delta) { d.From = nil }, "begins at"},
		"types":       {one, func(in *Info, d *Delta) { in.Options.Types = Types[:2] }, "options"},
		"match":       {one, func(in *Info, d *Delta) { in.Options.Match = "x" }, "options"},
	} {
		in, d := two, *two.Delta
		in.Delta = &d
		tt.edit(&in, &d)
		if err := in.Follows(&tt.before); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want …%s…", what, err, tt.want)
		}
	}
	base.Options.Sample = 0.5
	if err := one.Follows(&base); err == nil || !strings.Contains(err.Error(), "trial") {
		t.Errorf("after a trial: %v", err)
	}
}
