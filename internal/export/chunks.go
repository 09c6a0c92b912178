package export

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/filter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// List writes a line for each chunk that can have keys that a filter chooses: as a Table, or as
// JSON as the manifest has it.
func List(a *archive.Archive, w io.Writer, f *filter.Filter, as Format) error {
	chunks := slices.DeleteFunc(slices.Clone(a.Manifest.Chunks), func(c format.ChunkInfo) bool { return !MayHold(f)(c) })
	switch as {
	case Table:
		return listTable(w, chunks)
	case JSON:
		return listJSON(w, chunks)
	}
	return exitcode.Usagef("--format %q: it is table or json", as)
}

func listTable(w io.Writer, chunks []format.ChunkInfo) error {
	text := fmt.Appendf(nil, "%4s  %-6s  %6s  %11s  %11s  %10s  %s\n", "db", "type", "number", "keys", "elements", "stored", "keys from … to before …")
	for _, c := range chunks {
		_, _, number, err := format.ParseChunkName(c.Name)
		if err != nil {
			return err
		}
		text = fmt.Appendf(text, "%4d  %-6s  %6d  %11s  %11s  %10s  %s … %s\n", c.DB, c.Type, number, progress.Count(c.Keys), progress.Count(c.Elements), progress.Bytes(c.Size), start(&c), end(&c))
	}
	_, err := w.Write(text)
	return err
}

func start(c *format.ChunkInfo) string {
	switch {
	case c.Continues:
		return "inside " + shown(c.Start)
	case len(c.Start) == 0:
		return "the first"
	}
	return shown(c.Start)
}

func end(c *format.ChunkInfo) string {
	switch {
	case c.End == nil:
		return "the last"
	case c.Open:
		return "inside " + shown(c.End)
	}
	return shown(c.End)
}

func listJSON(w io.Writer, chunks []format.ChunkInfo) error {
	enc := json.NewEncoder(w)
	for _, c := range chunks {
		if err := enc.Encode(c); err != nil {
			return err
		}
	}
	return nil
}
