package archive

import "github.com/pika2kvrocks/pika2kvrocks/format"

// writeConflicts writes conflicts.jsonl if any name stands in several types, as one can up to Pika
// 3.5. The chunks of each type are in key order, so that a merge over them finds every such name,
// in constant memory.
func (a *Archive) writeConflicts() error {
	l, m := &list{dir: a.dir, name: format.ConflictsName}, a.Manifest
	defer l.discard()
	for _, db := range m.Options.Databases {
		err := a.findConflicts(db, func(key []byte, types []format.Type) error {
			m.Conflicts++
			return l.add(ConflictKey{db, key, name(key), types})
		})
		if err != nil {
			return err
		}
	}
	if l.f == nil {
		return nil
	}
	f, err := l.commit()
	m.Lists = append(m.Lists, f)
	return err
}

// findConflicts calls found for each name of db that stands in at least two types.
func (a *Archive) findConflicts(db int, found func(name []byte, types []format.Type) error) error {
	return merge(a.nameStreams(db, allChunks, a.namesAt), 2, found)
}
