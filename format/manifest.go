package format

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// ManifestName is the name of the file that is written last in a dump: where it is,
// the dump is whole.
const ManifestName = "manifest.json"

// Names of the lists of keys that need attention (docs/FORMAT.md §6.4).
const (
	ConflictsName = "conflicts.jsonl"
	SkippedName   = "skipped.jsonl"
)

// Manifest is manifest.json: what a finished dump consists of (docs/FORMAT.md §6.3).
type Manifest struct {
	Info
	Finished    time.Time        `json:"finished"`
	BinlogAfter []BinlogPosition `json:"binlog_after"`
	Consistency Consistency      `json:"consistency"`
	Totals      []Total          `json:"totals"`  // per database and type
	Expired     int64            `json:"expired"` // keys that expired between being listed and being read
	Skipped     []Reason         `json:"skipped"` // lines of skipped.jsonl by reason
	Conflicts   int64            `json:"conflicts"`
	Lists       []File           `json:"lists"` // conflicts.jsonl, skipped.jsonl
	Chunks      []ChunkInfo      `json:"chunks"`
}

// Total sums up the chunks of one database and type.
type Total struct {
	DB     int   `json:"db"`
	Type   Type  `json:"type"`
	Chunks int   `json:"chunks"`
	Stored int64 `json:"stored_bytes"`
	Stats
}

// A Reason counts the keys that were left out for one reason.
type Reason struct {
	Reason string `json:"reason"`
	Keys   int64  `json:"keys"`
}

// File is a file of the dump.
type File struct {
	Name   string `json:"name"` // from the top of the dump, with slashes
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// A FileHash tells what a file is whose bytes are written to it.
type FileHash struct {
	hash hash.Hash
	size int64
}

// NewFileHash returns that of an empty file.
func NewFileHash() *FileHash { return &FileHash{hash: sha256.New()} }

func (h *FileHash) Write(p []byte) (int, error) {
	h.size += int64(len(p))
	return h.hash.Write(p)
}

// File returns the file as a manifest lists it under that name.
func (h *FileHash) File(name string) File {
	return File{name, h.size, hex.EncodeToString(h.hash.Sum(nil))}
}

// ChunkInfo is a chunk as the manifest lists it.
type ChunkInfo struct {
	File
	DB        int    `json:"db"`
	Type      Type   `json:"type"`
	Start     []byte `json:"start"`          // base64
	Continues bool   `json:"continues"`      // begins inside key Start
	End       []byte `json:"end"`            // base64; null: to the end of the keyspace
	Open      bool   `json:"open,omitempty"` // ends inside key End
	Stats
	Expired int64 `json:"expired,omitempty"` // listed keys that expired before they were read
	Skipped int64 `json:"skipped,omitempty"` // listed keys that are not in the dump
}

// ChunkName returns the name of the chunk of that database, type and number.
func ChunkName(db int, t Type, number int) string {
	return fmt.Sprintf("chunks/db%d/%s/%06d.mpz", db, t, number)
}

var chunkName = regexp.MustCompile(`^chunks/db(0|[1-9][0-9]{0,4})/([a-z]+)/([0-9]{6,10})\.mpz$`)

// ParseChunkName returns what a chunk's name says. Every other name is refused:
// nothing that a manifest lists can lie outside its dump.
func ParseChunkName(name string) (db int, t Type, number int, err error) {
	if m := chunkName.FindStringSubmatch(name); m != nil {
		db, _ = strconv.Atoi(m[1])
		t, err = ParseType(m[2])
		number, _ = strconv.Atoi(m[3])
		if err == nil && ChunkName(db, t, number) == name && db <= MaxDatabase && number <= MaxNumber {
			return db, t, number, nil
		}
	}
	return 0, "", 0, fmt.Errorf("%q is not the name of a chunk", short([]byte(name)))
}

// NewChunkInfo describes a finished chunk of size bytes.
func NewChunkInfo(h Header, f Footer, size int64, sha256 []byte) ChunkInfo {
	if h.Start == nil {
		h.Start = []byte{}
	}
	return ChunkInfo{
		File: File{ChunkName(h.DB, h.Type, h.Number), size, hex.EncodeToString(sha256)},
		DB:   h.DB, Type: h.Type, Start: h.Start, Continues: h.Continues, End: f.End, Open: f.Open, Stats: f.Stats,
		Expired: f.Expired, Skipped: int64(len(f.Skipped)),
	}
}

// InRange reports whether a key lies in the chunk's range.
func (c *ChunkInfo) InRange(key []byte) bool { return inRange(c.Start, c.End, c.Open, key) }

// SortChunks puts chunks in the order of the manifest: by database, type and key
// range, the parts of an open key after one another.
func SortChunks(chunks []ChunkInfo) {
	slices.SortFunc(chunks, func(a, b ChunkInfo) int {
		return cmp.Or(cmp.Compare(a.DB, b.DB), cmp.Compare(typeOrder(a.Type), typeOrder(b.Type)),
			bytes.Compare(a.Start, b.Start), cmp.Compare(strconv.FormatBool(a.Continues), strconv.FormatBool(b.Continues)), cmp.Compare(len(a.Name), len(b.Name)), cmp.Compare(a.Name, b.Name))
	})
}

func typeOrder(t Type) int { return slices.Index(Types, t) }

// SumUp sets Totals from Chunks, which it sorts.
func (m *Manifest) SumUp() {
	SortChunks(m.Chunks)
	m.Totals = sumUp(m.Chunks)
}

func sumUp(chunks []ChunkInfo) []Total {
	totals := []Total{}
	for _, c := range chunks {
		if n := len(totals); n == 0 || totals[n-1].DB != c.DB || totals[n-1].Type != c.Type {
			totals = append(totals, Total{DB: c.DB, Type: c.Type})
		}
		t := &totals[len(totals)-1]
		t.Chunks++
		t.Stored += c.Size
		t.Stats.Add(c.Stats)
	}
	return totals
}

// IsEmpty reports whether it holds no record, not even of a key that was deleted.
func (m *Manifest) IsEmpty() bool {
	return !slices.ContainsFunc(m.Totals, func(t Total) bool { return t.Records != 0 })
}

// Marshal checks m and returns the bytes of manifest.json.
func (m *Manifest) Marshal() ([]byte, error) { return marshal("manifest", m) }

// ParseManifest reads manifest.json and checks that its chunks cover every database
// and type of the dump from the first key to the last.
func ParseManifest(data []byte) (*Manifest, error) {
	return unseal[Manifest](data, ManifestName, dumpFormat, Version2)
}

func (m *Manifest) validate() error {
	if err := m.Info.validate(); err != nil {
		return err
	}
	if err := m.validateLists(); err != nil {
		return err
	}
	names := make(map[string]bool, len(m.Chunks))
	expired, skipped := m.Expired, int64(0)
	for _, r := range m.Skipped {
		skipped += r.Keys
	}
	for i := range m.Chunks {
		c := &m.Chunks[i]
		expired -= c.Expired
		skipped -= c.Skipped
		err := c.validate()
		if err == nil && c.Deleted != 0 && m.Delta == nil {
			err = errors.New("it counts deleted keys, and the dump is no delta")
		}
		if err != nil {
			return fmt.Errorf("chunk %q: %w", short([]byte(c.Name)), err)
		}
		if names[c.Name] {
			return fmt.Errorf("chunk %s is listed twice", c.Name)
		}
		names[c.Name] = true
	}
	if !slices.Equal(m.Totals, sumUp(m.Chunks)) {
		return errors.New("the totals are not the sum of the chunks")
	}
	if expired != 0 || skipped != 0 {
		return errors.New("the expired and skipped keys are not those of the chunks")
	}
	return m.checkCoverage()
}

// validateLists checks that each list is there if and only if it is not empty.
func (m *Manifest) validateLists() error {
	lines := map[string]int64{ConflictsName: m.Conflicts, SkippedName: 0}
	if min(m.Conflicts, m.Expired) < 0 {
		return errors.New("a count is negative")
	}
	for _, r := range m.Skipped {
		if r.Keys < 1 {
			return fmt.Errorf("%d keys were skipped for reason %q", r.Keys, short([]byte(r.Reason)))
		}
		lines[SkippedName] += r.Keys
	}
	for i := range m.Lists {
		f := &m.Lists[i]
		n, ok := lines[f.Name]
		if !ok {
			return fmt.Errorf("%q is not the name of a list, or is listed twice", short([]byte(f.Name)))
		}
		if n == 0 {
			return fmt.Errorf("%s is listed, but the manifest counts no line of it", f.Name)
		}
		if err := f.validate(); err != nil {
			return err
		}
		delete(lines, f.Name)
	}
	for name, n := range lines {
		if n != 0 {
			return fmt.Errorf("%s is not listed, but the manifest counts %d lines of it", name, n)
		}
	}
	return nil
}

func (f *File) validate() error {
	if sum, err := hex.DecodeString(f.SHA256); err != nil || len(sum) != digestSize {
		return fmt.Errorf("%s: its sha256 is not 64 hexadecimal digits", f.Name)
	}
	if f.Size < 0 {
		return fmt.Errorf("%s: its size is negative", f.Name)
	}
	return nil
}

func (c *ChunkInfo) validate() error {
	db, t, _, err := ParseChunkName(c.Name)
	if err != nil {
		return err
	}
	if db != c.DB || t != c.Type {
		return errors.New("its name says another database or type")
	}
	if c.Start == nil {
		return errors.New("it has no start")
	}
	if err := checkRange(c.Start, c.End, c.Open); err != nil {
		return err
	}
	if c.Stats.contradictory() || min(c.Expired, c.Skipped) < 0 {
		return errors.New("its counts contradict each other")
	}
	return c.File.validate()
}

// checkCoverage checks that for each database and type of the options the chunks'
// ranges follow one another from the first key to the last, without gap or overlap.
func (m *Manifest) checkCoverage() error {
	rest := m.Chunks
	for _, db := range m.Options.Databases {
		for _, t := range Types {
			if !slices.Contains(m.Options.Types, t) {
				continue
			}
			n := 0
			for n < len(rest) && rest[n].DB == db && rest[n].Type == t {
				n++
			}
			if err := covers(rest[:n]); err != nil {
				return fmt.Errorf("db%d %s: %w", db, t, err)
			}
			rest = rest[n:]
		}
	}
	if len(rest) > 0 {
		return fmt.Errorf("chunk %s is out of order or outside the dump's options", rest[0].Name)
	}
	return nil
}

// covers reports the first gap or overlap in chunks, which must be those of one
// database and type in the order of SortChunks; nil if they cover the whole keyspace.
func covers(chunks []ChunkInfo) error {
	if len(chunks) == 0 {
		return errors.New("no chunk covers it")
	}
	from, open := []byte{}, false
	for i := range chunks {
		c := &chunks[i]
		switch {
		case from == nil:
			return fmt.Errorf("chunk %s overlaps the one before", c.Name)
		case !bytes.Equal(c.Start, from):
			return fmt.Errorf("no chunk covers the keys between %q and chunk %s", short(from), c.Name)
		case c.Continues != open:
			return fmt.Errorf("chunk %s does not go on where the one before ends", c.Name)
		}
		from, open = c.End, c.Open
	}
	if from != nil {
		return fmt.Errorf("no chunk covers the keys from %q on", short(from))
	}
	return nil
}
