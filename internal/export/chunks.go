package export

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// ListTable writes a line for each chunk.
func ListTable(w io.Writer, chunks []format.ChunkInfo) error {
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

// ListJSON writes a line of JSON for each chunk, as the manifest has it.
func ListJSON(w io.Writer, chunks []format.ChunkInfo) error {
	enc := json.NewEncoder(w)
	for _, c := range chunks {
		if err := enc.Encode(c); err != nil {
			return err
		}
	}
	return nil
}
