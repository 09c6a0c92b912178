package archive

import "github.com/pika2kvrocks/pika2kvrocks/format"

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
	var is []Change
	return merge(a.cursors(db, keep, true, (*Archive).everyRecord), 1, func(name []byte, at cursors) error {
		is = is[:0]
		for _, s := range at {
			is = append(is, Change{s.typ, s.src.Record().Kind})
		}
		return each(name, is)
	})
}
