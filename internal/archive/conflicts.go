package archive

import "github.com/pika2kvrocks/pika2kvrocks/format"

// writeConflicts writes conflicts.jsonl if any name stands in several types, as one can up to Pika
// 3.5. The chunks of each type are in key order, so that a merge over them finds every such name,
// in constant memory.
func (a *Archive) writeConflicts() (f format.File, n int64, err error) {
	var l *list
	defer func() {
		if l != nil && err != nil {
			l.discard()
		}
	}()
	for _, db := range a.Manifest.Options.Databases {
		err := a.findConflicts(db, func(key []byte, types []format.Type) error {
			if l == nil {
				var err error
				if l, err = newList(a.dir, format.ConflictsName); err != nil {
					return err
				}
			}
			n++
			return l.add(ConflictKey{db, key, name(key), types})
		})
		if err != nil {
			return f, n, err
		}
	}
	if l != nil {
		f, err = l.commit()
	}
	return f, n, err
}

// findConflicts calls found for each name of db that stands in at least two types.
func (a *Archive) findConflicts(db int, found func(name []byte, types []format.Type) error) error {
	return merge(a.nameStreams(db, allChunks, a.namesAt), 2, found)
}
