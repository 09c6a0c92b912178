// Package archive writes and reads whole dumps: dump.json, the chunks of each database and
// type, the lists of keys that need attention, and the manifest, which is written
// last. docs/FORMAT.md says what the files are, package format what their bytes are.
//
// A dump is in a directory or in a bucket (package storage).
//
// [Create] begins a dump, a [Segment] of it takes the records of one pass, and
// [Writer.Finish] ends it. [Open] reads a finished dump.
package archive
