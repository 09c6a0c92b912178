package format

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
)

// mapOf returns the msgpack map of pairs, in order, as the library writes it.
func mapOf(pairs ...any) []byte {
	var buf bytes.Buffer
	enc := msgpack.NewEncoder(&buf)
	enc.UseCompactInts(true)
	err := enc.EncodeMapLen(len(pairs) / 2)
	for _, v := range pairs {
		if err == nil {
			err = enc.Encode(v)
		}
	}
	if err != nil {
		panic(err)
	}
	return buf.Bytes()
}

// resealed adds a good seal to a body.
func resealed(body []byte) []byte {
	return append(bytes.Clone(body), sealHead+sha256Hex(body)+sealTail...)
}

// rawChunk makes a file of frames, of which each is compressed as it is, with a good
// digest and seek table.
func rawChunk(frames ...[]byte) []byte {
	var out []byte
	var seek []seekEntry
	for _, f := range frames {
		z := testCodec.encode(f, nil)
		out = append(out, z...)
		seek = append(seek, seekEntry{uint32(len(z)), uint32(len(f)), binary.LittleEndian.Uint32(z[len(z)-4:])})
	}
	sum := sha256Sum(out)
	out = binary.LittleEndian.AppendUint32(out, digestMagic)
	out = binary.LittleEndian.AppendUint32(out, digestSize)
	out = append(out, sum...)
	return appendSeekTable(out, append(seek, seekEntry{8 + digestSize, 0, emptyChecksum}))
}

func goodHeader(typ Type) []byte { return goodHeaderOf(Version1, typ) }

func goodHeaderOf(version int, typ Type) []byte {
	h := testHeader(typ)
	h.Magic, h.Version, h.Start = Magic, version, []byte{}
	data, err := marshalMap(&h)
	if err != nil {
		panic(err)
	}
	return data
}

func goodFooter(s Stats, index ...string) []byte {
	data, err := marshalMap(&Footer{Stats: s, Skipped: []SkippedKey{}, Index: bs(index...)})
	if err != nil {
		panic(err)
	}
	return data
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestHostileChunk feeds files that claim much and hold little. All are refused,
// with little memory.
func TestHostileChunk(t *testing.T) {
	head := goodHeader(TypeString)
	key := "\xc4\x01k\x00\x03"
	rec := func(s string) []byte { return rawChunk(head, b(s)) }
	zhead := testCodec.encode(head, nil)
	file := func(s string) []byte { return append(bytes.Clone(zhead), s...) }
	const magic = "\x28\xb5\x2f\xfd"
	tests := map[string]struct {
		data []byte
		want string
	}{
		"empty file":               {nil, "unexpected EOF"},
		"no zstd":                  {b("PK\x03\x04 some archive"), "not a frame"},
		"skippable first":          {b("\x50\x2a\x4d\x18\x00\x00\x00\x00"), "not a frame"},
		"content of 2 GiB":         {file(magic + "\xa4\xff\xff\xff\x7f\x01\x00\x00xxxx"), "too few blocks"},
		"content of 4 GiB":         {file(magic + "\xa4\xff\xff\xff\xff\x01\x00\x00xxxx"), "above the limit"},
		"content of 2^64":          {file(magic + "\xe4\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\x00xxxx"), "above the limit"},
		"content of nothing":       {file(magic + "\x24\x00\x01\x00\x00\x99\xe9\xd8\x51"), "above the limit"},
		"content not declared":     {file(magic + "\x04\x50\x01\x00\x00xxxx"), "descriptor"},
		"no checksum":              {file(magic + "\x20\x01\x09\x00\x00x"), "descriptor"},
		"dictionary":               {file(magic + "\x25\x01\x01\x09\x00\x00xxxx"), "descriptor"},
		"reserved bit":             {file(magic + "\x2c\x01\x09\x00\x00xxxxx"), "descriptor"},
		"reserved block":           {file(magic + "\x24\x01\x0f\x00\x00xxxxx"), "decompress"},
		"block of 2 MiB":           {file(magic + "\x24\x01\xff\xff\xffxxxx"), "block of"},
		"endless empty blocks":     {file(magic + "\x24\x01" + strings.Repeat("\x00\x00\x00", 9999)), "longer than"},
		"window of 2 TiB":          {file(magic + "\x44\xf8\x00\x00\x03\x08\x00xxxxx"), "decompress"},
		"run of 127 KiB for 2 GiB": {file(magic + "\xa4\xff\xff\xff\x7f" + "\x03\xf8\x0fx" + "xxxx"), "too few blocks"},
		"skippable of 4 GiB":       {file("\x50\x2a\x4d\x18\xff\xff\xff\xff"), "above the limit"},
		"skippable of 12 MiB":      {file("\x5e\x2a\x4d\x18\x00\x00\xc0\x00"), "unexpected EOF"},
		"skippable between":        {file("\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"), "not a frame"},
		"header not a map":         {rawChunk(b("\x93abc")), "no chunk header"},
		"header of 4 Gi pairs":     {rawChunk(b("\xdf\xff\xff\xff\xffabc")), "cut short"},
		"header, deep nesting":     {rawChunk(append(b("\x81\xa1x"), bytes.Repeat([]byte{0x91}, 8<<20)...)), "cut short"},
		"header, deep maps":        {rawChunk(append(b("\x81\xa1x"), bytes.Repeat([]byte{0x81}, 8<<20)...)), "cut short"},
		"header, long string":      {rawChunk(b("\x81\xa5magic\xdb\xff\xff\xff\xff")), "cut short"},
		"header, long ext":         {rawChunk(b("\x81\xa1x\xc9\xff\xff\xff\xff")), "cut short"},
		"header, other magic":      {rawChunk(mapOf("magic", "restic", "version", 1)), "no chunk of a dump"},
		"header, no magic":         {rawChunk(mapOf("version", 2)), "no chunk of a dump"},
		"header, fields missing":   {rawChunk(mapOf("magic", Magic, "version", 1)), `"dump" is missing`},
		"header, field unknown":    {rawChunk(mapOf("magic", Magic, "version", 1, "news", 1)), "unknown field"},
		"header, field twice":      {rawChunk(mapOf("magic", Magic, "version", 1, "version", 1)), "stands twice"},
		"header, start as text":    {rawChunk(mapOf("magic", Magic, "version", 1, "start", "")), "where bin must stand"},
		"header, bytes behind":     {rawChunk(append(bytes.Clone(head), 0xc0)), "bytes follow"},
		"record in the header":     {rawChunk(append(bytes.Clone(head), AppendRecord(nil, &Record{Kind: String, Part: 3})...)), "bytes follow"},
		"key of 4 GiB":             {rec("\x95\x01\xc6\xff\xff\xff\xff"), "above the limit"},
		"key of 512 MiB":           {rec("\x95\x01\xc6\x20\x00\x00\x00k"), "cut short"},
		"key as text":              {rec("\x95\x01\xa1k\x00\x03\xc4\x00"), "where bin must stand"},
		"array of 4 Gi":            {rec("\xdd\xff\xff\xff\xff\x01"), "above the limit"},
		"list of 2 Mi":             {rec("\x95\x03" + key + "\xdd\x00\x20\x00\x00"), "above the limit"},
		"list of 1 Mi":             {rec("\x95\x03" + key + "\xdd\x00\x10\x00\x00"), "cut short"},
		"stream of 1 Mi":           {rec("\x96\x06" + key + "\xdd\x00\x10\x00\x00"), "cut short"},
		"hash, odd":                {rec("\x95\x02" + key + "\x91\xc4\x00"), "odd"},
		"zset, float32":            {rec("\x95\x05" + key + "\x92\xc4\x00\xca\x00\x00\x00\x00"), "where a float64 must stand"},
		"zset, integer":            {rec("\x95\x05" + key + "\x92\xc4\x00\x01"), "where a float64 must stand"},
		"negative expiry":          {rec("\x95\x01\xc4\x01k\xff\x03\xc4\x00"), "where an unsigned integer must stand"},
		"expiry of 2^63":           {rec("\x95\x01\xc4\x01k\xcf\x80\x00\x00\x00\x00\x00\x00\x00\x03\xc4\x00"), "above the limit"},
		"part 4":                   {rec("\x95\x01\xc4\x01k\x00\x04\xc4\x00"), "unknown part bits"},
		"string of 6 values":       {rec("\x96\x01" + key + "\xc4\x00\xc0"), "6 values, not 5"},
		"hash in a string chunk":   {rec("\x95\x02" + key + "\x90"), "hash record in a chunk of type string"},
		"nil":                      {rec("\xc0"), "where an array must stand"},
		"map behind a record":      {rec("\x95\x01" + key + "\xc4\x00\x80"), "where an array must stand"},
		"footer twice":             {rawChunk(head, goodFooter(Stats{}), goodFooter(Stats{})), "digest must follow"},
		"record behind the footer": {rawChunk(head, append(goodFooter(Stats{}), 0x95)), "bytes follow"},
		"footer counts":            {rawChunk(head, goodFooter(Stats{Keys: 1, Records: 1})), "counts"},
		"footer index":             {rawChunk(head, goodFooter(Stats{}, "k")), "indexes 1 frames of 0"},
		"footer, index of 1 Mi":    {rawChunk(head, b("\x81\xa5index\xdd\x00\x10\x00\x00")), "cut short"},
		"footer, no fields":        {rawChunk(head, b("\x80")), `"end" is missing`},
		"footer, stats twice":      {rawChunk(head, b("\x82\xa5stats\x80")), "missing"},
		"no footer":                {rawChunk(head), "not a frame of a chunk"},
	}
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			var err error
			alloc := allocated(func() { _, _, _, err = readAll(tt.data) })
			if e := wantCorrupt(err, "test.mpz", len(tt.data)); e != nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want …%s…", err, tt.want)
			}
			if alloc > 16<<20 && !strings.Contains(what, "deep") || alloc > 64<<20 {
				t.Errorf("allocated %d bytes for a file of %d", alloc, len(tt.data))
			}
			if alloc := allocated(func() { findAll(tt.data) }); alloc > 64<<20 {
				t.Errorf("OpenChunk allocated %d bytes for a file of %d", alloc, len(tt.data))
			}
		})
	}
}

func TestUnknownKind(t *testing.T) {
	for _, kind := range []uint64{0, 8, 15, 17, 200, 257, 1 << 40} {
		data := appendBin(appendUint([]byte{0x92}, kind), b("k"))
		var r Record
		_, err := DecodeRecord(data, &r)
		_, _, _, chunkErr := readAll(rawChunk(goodHeader(TypeString), data))
		for _, err := range []error{err, chunkErr} {
			if !errors.Is(err, ErrKind) || !strings.Contains(err.Error(), fmt.Sprintf("unknown record kind %d", kind)) {
				t.Errorf("kind %d: %v", kind, err)
			}
		}
	}
}

// TestHostileFooter: OpenChunk has only the footer to go by.
func TestHostileFooter(t *testing.T) {
	rec := func(key string) []byte {
		return AppendRecord(nil, &Record{Kind: String, Key: b(key), Part: PartWhole})
	}
	s := Stats{Records: 2, Keys: 2, Elements: 2, Raw: int64(2 * len(rec("a")))}
	good := func() Footer { return Footer{End: b("x"), Stats: s, Skipped: []SkippedKey{}, Index: bs("a", "b")} }
	for what, tt := range map[string]struct {
		edit func(f *Footer)
		want string
	}{
		"good":            {func(*Footer) {}, ""},
		"index order":     {func(f *Footer) { f.Index = bs("b", "a") }, "out of order"},
		"index":           {func(f *Footer) { f.Index = bs("b") }, "indexes 1 frames of 2"},
		"index behind":    {func(f *Footer) { f.End = b("a") }, "behind the end"},
		"no records":      {func(f *Footer) { f.Stats = Stats{} }, "counts"},
		"contradiction":   {func(f *Footer) { f.Stats.Keys = 3 }, "count"},
		"open but no end": {func(f *Footer) { f.End, f.Open = nil, true }, "open"},
		"skipped":         {func(f *Footer) { f.Expired, f.Skipped = 3, []SkippedKey{{b("b"), "gone", ""}} }, ""},
		"skipped behind":  {func(f *Footer) { f.Skipped = []SkippedKey{{b("x"), "gone", ""}} }, "outside"},
		"backwards":       {func(f *Footer) { f.End = b("") }, "end"},
	} {
		t.Run(what, func(t *testing.T) {
			f := good()
			tt.edit(&f)
			footer, err := marshalMap(&f)
			if err != nil {
				t.Fatal(err)
			}
			data := rawChunk(goodHeader(TypeString), rec("a"), rec("b"), footer)
			_, openErr := OpenChunk(bytes.NewReader(data), int64(len(data)), testCodec, "x")
			_, _, _, readErr := readAll(data)
			for _, err := range []error{openErr, readErr} {
				if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want …%s…", err, tt.want)
				}
			}
		})
	}
}

// TestHostileSeekTable: OpenChunk reads the end of a file first.
func TestHostileSeekTable(t *testing.T) {
	data := mustChunk(t, testHeader(TypeSet), sampleRecords(TypeSet), nil)
	foot := len(data) - seekFooterSize
	entries := 4 // header, records, footer, digest
	table := foot - entries*seekEntrySize
	edit := func(at int, value uint32) []byte {
		d := bytes.Clone(data)
		binary.LittleEndian.PutUint32(d[at:], value)
		return d
	}
	for what, d := range map[string][]byte{
		"4 Gi frames":        edit(foot, 1<<32-1),
		"1 Mi frames":        edit(foot, MaxFrames),
		"no frames":          edit(foot, 0),
		"fewer frames":       edit(foot, 3),
		"frame of 4 GiB":     edit(table, 1<<32-1),
		"content of 4 GiB":   edit(table+4, 1<<32-1),
		"frame checksum":     edit(table+8, 0),
		"frame of nothing":   edit(table, 0),
		"skippable magic":    edit(table-8, digestMagic),
		"skippable size":     edit(table-4, 9),
		"digest of 39 bytes": edit(table+3*seekEntrySize, 39),
		"only a table":       appendSeekTable(nil, nil),
		"three digests":      appendSeekTable(make([]byte, 120), []seekEntry{{40, 0, emptyChecksum}, {40, 0, emptyChecksum}, {40, 0, emptyChecksum}}),
	} {
		var err error
		alloc := allocated(func() { _, err = OpenChunk(bytes.NewReader(d), int64(len(d)), testCodec, "x") })
		if e := wantCorrupt(err, "x", len(d)); e != nil || alloc > 1<<20 {
			t.Errorf("%s: %v, %d bytes allocated", what, e, alloc)
		}
		if _, _, _, err := readAll(d); err == nil {
			t.Errorf("%s: ChunkReader accepts it", what)
		}
	}
}
