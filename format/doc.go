// Package format reads and writes the files of a dump: chunks, the manifest and dump.json, as
// docs/FORMAT.md specifies them. It knows bytes only: nothing of servers, directories or networks.
//
// To write, create a [ChunkWriter] on any io.Writer, hand it records with Write and finish with
// Close. To read, create a [ChunkReader] and call Next until io.EOF, which comes only after the
// footer, the digest and the seek table have been checked and nothing follows them: until then what
// was read is tentative. [OpenChunk] reads a chunk's header and footer, and [Chunk.Keys] the frames
// that hold what is asked for, through an io.ReaderAt.
//
// Every length that comes from a file is compared with a limit of limits.go before it allocates. A
// damaged file gives a [*CorruptError] that names the file and the offset.
//
// A full dump is of version 1, and a delta, which says what has changed since a dump, of version 2.
// Files of both will be readable by every later version of this package.
package format
