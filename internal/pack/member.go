// Package pack is a dump as one stream: a tar of its files, the manifest last, by which it is seen
// whether the stream is whole (docs/FORMAT.md §12). An Output writes it while the dump is made,
// Pack from a finished dump; a Reader reads it.
//
//	err := pack.Pack(ctx, dir, w, done)   // on the one host
//	err = pack.Unpack(ctx, r, dir, done)  // on the other
//
// It never changes a byte of a file, and takes no stream for whole that is cut short.
package pack

import (
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
)

// ErrCut: the stream ends before the dump does.
var ErrCut = exitcode.New(exitcode.NoDump, "the stream of the dump is cut short")

// StreamName is what errors call a stream.
const StreamName = "the stream"

// plain returns the name that a file has in a dump that is not encrypted, and whether it is
// encrypted; false if it is no file of a dump.
func plain(name string) (base string, encrypted, ok bool) {
	if name == format.InventoryName {
		return name, true, true
	}
	base, encrypted = strings.CutSuffix(name, format.EncryptedSuffix)
	return base, encrypted, format.IsFileName(base)
}

// isLast reports whether a file ends its dump.
func isLast(name string) bool { return name == format.ManifestName || name == format.InventoryName }

// rank is where a file stands in a stream.
func rank(name string) int {
	switch base, _, _ := plain(name); base {
	case format.InfoName:
		return 0
	case format.ConflictsName, format.SkippedName:
		return 2
	case format.ManifestName:
		return 3
	case format.InventoryName:
		return 4
	}
	return 1
}
