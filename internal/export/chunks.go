package export

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/columns"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/filter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// List writes a line for each chunk that can have keys that a filter chooses: as a Table of so many
// columns (0: as many as it takes), or as JSON as the manifest has it.
func List(a *archive.Archive, w io.Writer, f *filter.Filter, as Format, width int) error {
	chunks := slices.DeleteFunc(slices.Clone(a.Manifest.Chunks), func(c format.ChunkInfo) bool { return !MayHold(f)(c) })
	switch as {
	case Table:
		return listTable(w, chunks, width)
	case JSON:
		return listJSON(w, chunks)
	}
	return exitcode.Usagef("--format %q: it is table or json", as)
}

// listTable writes lines of at most so many columns; 0: as long as they get. Where there is little
// room elements are left out, and of a range only its beginning is shown, which is the end of the
// one before.
func listTable(w io.Writer, chunks []format.ChunkInfo, width int) error {
	const elements = 4 // its column
	rows := [][]string{{"db", "type", "number", "keys", "elements", "stored", "keys from … to before …"}}
	isNarrow := width > 0 && width <= narrow
	if isNarrow {
		rows[0] = []string{"db", "type", "number", "keys", "stored", "keys from …"}
	}
	for _, c := range chunks {
		_, _, number, err := format.ParseChunkName(c.Name)
		if err != nil {
			return err
		}
		row := []string{strconv.Itoa(c.DB), string(c.Type), strconv.Itoa(number), progress.Count(c.Keys), progress.Count(c.Elements), progress.Bytes(c.Size), start(&c) + " … " + end(&c)}
		if isNarrow {
			row = slices.Delete(row, elements, elements+1)
			row[len(row)-1] = start(&c)
		}
		rows = append(rows, row)
	}
	sizes := make([]int, len(rows[0])-1)
	for _, row := range rows {
		for i := range sizes {
			sizes[i] = max(sizes[i], utf8.RuneCountInString(row[i]))
		}
	}
	var text []byte
	for _, row := range rows {
		line := fmt.Sprintf("%*s  %-*s", sizes[0], row[0], sizes[1], row[1])
		for i := 2; i < len(sizes); i++ {
			line += fmt.Sprintf("  %*s", sizes[i], row[i])
		}
		if line += "  " + row[len(sizes)]; width > 0 {
			line = columns.Cut(line, width)
		}
		text = append(append(text, line...), '\n')
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
