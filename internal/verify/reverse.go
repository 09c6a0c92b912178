package verify

import (
	"bytes"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/sample"
)

// A Reverse finds the keys of a server that the dump does not have. Names are gathered into
// batches and looked up in byte order, so that a batch reads each frame of the dump at
// most once: a server that lists its keys in that order, as Kvrocks does, costs about one
// reading of the dump in all, another one up to one reading for every batch.
type Reverse struct {
	DB      int
	Archive *archive.Archive
	Chunks  func(format.ChunkInfo) bool // where to look; those of DB only
	Keep    func(key []byte) bool       // which keys are looked up; nil: all
	Sample  *sample.Sample
	Source  func(name []byte) []byte      // the name in the dump; nil if the load gives no key this name: it is of others
	Name    func(key []byte) []byte       // and back
	Renamed func(db int, key []byte) bool // whether the load has given a key this name; nil: none
	Report  func(Difference)
	Tally   *Tally

	names [][]byte
	size  int
}

// reverseBytes bounds the names of one batch.
const reverseBytes = 8 << 20

// Add takes names as the server lists them.
func (r *Reverse) Add(names []string) error {
	for _, n := range names {
		key := []byte(n)
		if r.Source != nil {
			if key = r.Source(key); key == nil {
				continue
			}
		}
		if !r.Sample.Holds(key) || r.Keep != nil && !r.Keep(key) || r.Renamed != nil && r.Renamed(r.DB, key) {
			continue
		}
		r.names = append(r.names, key)
		r.size += len(key) + 2*elementBytes
	}
	if r.size >= reverseBytes {
		return r.Finish()
	}
	return nil
}

// Finish looks up what Add has gathered.
func (r *Reverse) Finish() error {
	slices.SortFunc(r.names, bytes.Compare)
	r.names = slices.CompactFunc(r.names, bytes.Equal)
	err := r.Archive.Missing(r.DB, r.Chunks, r.names, func(key []byte) error {
		r.Tally.Extra()
		if r.Name != nil {
			key = r.Name(key)
		}
		r.Report(Difference{DB: r.DB, Key: key, Class: ExtraKey, Detail: "the dump has no key of this name"})
		return nil
	})
	r.names, r.size = nil, 0
	return err
}
