package export

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"strconv"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/columns"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/filter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// List writes a line for each chunk that can have keys that a filter chooses: as a Table of so many
// columns (0: as many as it takes), or as JSON as the manifest has it.
func (s *Source) List(ctx context.Context, w io.Writer, f *filter.Filter, as Format, width int) error {
	a, err := s.Open(ctx)
	if err != nil {
		return err
	}
	defer a.Close()
	chunks := slices.DeleteFunc(slices.Clone(a.Manifest.Chunks), func(c format.ChunkInfo) bool { return !MayHold(f)(c) })
	switch as {
	case Table:
		return listTable(w, chunks, width)
	case JSON:
		enc := json.NewEncoder(w)
		for _, c := range chunks {
			if err := enc.Encode(c); err != nil {
				return err
			}
		}
		return nil
	}
	return exitcode.Usagef("--format %q: it is table or json", as)
}

// listTable writes lines of at most so many columns; 0: as long as they get. Where there is little
// room elements are left out, and of a range only its beginning is shown, which is the end of the
// one before.
func listTable(w io.Writer, chunks []format.ChunkInfo, width int) error {
	t := columns.Table{Head: []string{"db", "type", "number", "keys", "elements", "stored", "keys from … to before …"}}
	isNarrow := width > 0 && width <= narrow
	if isNarrow {
		t.Head[6], t.Drop = "keys from …", []int{4}
	}
	for _, c := range chunks {
		_, _, number, err := format.ParseChunkName(c.Name)
		if err != nil {
			return err
		}
		keys := start(&c)
		if !isNarrow {
			keys += " … " + end(&c)
		}
		t.Row(strconv.Itoa(c.DB), string(c.Type), strconv.Itoa(number), progress.Count(c.Keys), progress.Count(c.Elements), progress.Bytes(c.Size), keys)
	}
	return t.Print(w, width)
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
