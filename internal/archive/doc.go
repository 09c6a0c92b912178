// Package archive writes and reads whole dumps: dump.json, the chunks of each database and
// type, the lists of keys that need attention, and the manifest, which is written
// last. docs/FORMAT.md says what the files are, package format what their bytes are.
//
//	w, err := archive.Create(ctx, dir, info, archive.Options{})
//	s := w.Segment(0, format.TypeHash, nil) // … s.Record for each record, in key order, s.Close
//	_, err = w.Finish(binlog, true)
//
//	a, err := archive.Open(ctx, dir, threads)
//	for _, u := range a.Units(keep) { src := a.OpenUnit(u) } // … src.Next until io.EOF
//
// A dump is in a directory or in a bucket (package storage). This package knows no server: what is
// in the records is not looked at.
package archive
