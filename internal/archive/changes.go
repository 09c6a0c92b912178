package archive

import (
	"bytes"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// A Change is what a name of a delta has become in one type.
type Change struct {
	Type format.Type
	Kind format.Kind // format.Deleted: it is gone
}

// Changes hands over every name of db in byte order, with what it has become in each type, from the
// chunks that keep accepts, which it checks as a load does. A type in which a name could not be
// read is missing. What is handed over is valid until each returns. It is for a delta; of a full
// dump no name is gone.
func (a *Archive) Changes(db int, keep func(format.ChunkInfo) bool, each func(name []byte, is []Change) error) error {
	streams := a.nameStreams(db, keep, a.allNames)
	for _, s := range streams {
		defer s.close()
		s.all = true
		if err := s.seek(nil); err != nil {
			return err
		}
	}
	var (
		name []byte
		is   []Change
	)
	for {
		var first *nameStream
		for _, s := range streams {
			if s.name != nil && (first == nil || bytes.Compare(s.name, first.name) < 0) {
				first = s
			}
		}
		if first == nil {
			return nil
		}
		name, is = append(name[:0], first.name...), is[:0]
		for _, s := range streams {
			if s.name == nil || !bytes.Equal(s.name, name) {
				continue
			}
			is = append(is, Change{s.typ, s.src.Record().Kind})
			if err := s.seek(after(name)); err != nil {
				return err
			}
		}
		if err := each(name, is); err != nil {
			return err
		}
	}
}
