package archive

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// SkippedKey is a line of skipped.jsonl (docs/FORMAT.md §6.4).
type SkippedKey struct {
	DB     int         `json:"db"`
	Type   format.Type `json:"type"`
	Key    []byte      `json:"key"`  // base64
	Name   string      `json:"name"` // the key for people: quoted
	Reason string      `json:"reason"`
	Detail string      `json:"detail,omitempty"`
}

// Skipped hands over the keys that are not in the dump.
func (a *Archive) Skipped(each func(SkippedKey) error) error {
	if a.above != nil {
		return a.eachSkipped(each)
	}
	return readNamed(a, format.SkippedName, each)
}

// SkippedList returns where skipped.jsonl is, for people.
func (a *Archive) SkippedList() string { return a.dir.Path(format.SkippedName) }

// WithSkipped returns the numbers of the deltas of a chain, up to one, that have a skipped.jsonl.
func WithSkipped(ctx context.Context, chain string, last int) (numbers []int, err error) {
	dir, err := openStore(ctx, chain)
	if err != nil {
		return nil, err
	}
	names, err := dir.List()
	for _, name := range names {
		member, file, _ := strings.Cut(name, "/")
		n, _ := strconv.Atoi(member)
		if deltaName.MatchString(member) && n <= last && strings.TrimSuffix(file, format.EncryptedSuffix) == format.SkippedName {
			numbers = append(numbers, n)
		}
	}
	return numbers, err
}

// writeSkipped writes skipped.jsonl from the footers of the chunks, if any of them skips a
// key, and sets what the manifest says of it.
func (a *Archive) writeSkipped() error {
	l := &list{dir: a.dir, name: format.SkippedName}
	defer l.discard()
	m, counts := a.Manifest, map[string]int64{}
	for _, c := range m.Chunks {
		m.Expired += c.Expired
		if c.Skipped == 0 {
			continue
		}
		footer, err := a.readFooter(c)
		if err != nil {
			return err
		}
		for _, k := range footer.Skipped {
			counts[k.Reason]++
			if err := l.add(SkippedKey{c.DB, c.Type, k.Key, name(k.Key), k.Reason, k.Detail}); err != nil {
				return err
			}
		}
	}
	if l.f == nil {
		return nil
	}
	f, err := l.commit()
	if err != nil {
		return err
	}
	m.Lists = append(m.Lists, f)
	for _, reason := range slices.Sorted(maps.Keys(counts)) {
		m.Skipped = append(m.Skipped, format.Reason{Reason: reason, Keys: counts[reason]})
	}
	return nil
}

// eachSkipped hands over the keys that are skipped in a base, or in deltas above it.
func (a *Archive) eachSkipped(each func(SkippedKey) error) error {
	for _, c := range a.Manifest.Chunks {
		keys, err := a.SkippedIn(c)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if err := each(SkippedKey{c.DB, c.Type, k.Key, name(k.Key), k.Reason, k.Detail}); err != nil {
				return err
			}
		}
	}
	return nil
}

// SkippedIn returns the skipped keys in the range of a chunk, in key order.
func (a *Archive) SkippedIn(c format.ChunkInfo) ([]format.SkippedKey, error) {
	if a.above == nil {
		return skippedIn(c, a, nil)
	}
	return skippedIn(a.above.chunks[c.Name], a, a.above.deltas)
}

func (a *Archive) readFooter(c format.ChunkInfo) (*format.Footer, error) {
	if a.above != nil {
		c = a.above.chunks[c.Name]
	}
	f, chunk, err := a.openAt(c)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return &chunk.Footer, nil
}
