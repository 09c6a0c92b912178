package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
)

// A dumped is what a dump says.
type dumped struct {
	keys   map[id]*value
	listed map[id]string // in skipped.jsonl, with the reason
}

// readDump reads a finished dump, in which each key must stand once.
func (h *history) readDump(dir string) *dumped {
	h.Helper()
	a, err := archive.Open(h.Context(), dir, 1)
	h.must(err)
	defer a.Close()
	d := &dumped{map[id]*value{}, map[id]string{}}
	h.eachRecord(a, func(_ int, r *format.Record) {
		i := id{r.Kind, string(r.Key)}
		if d.keys[i] != nil && r.Part&format.PartFirst != 0 {
			h.broken("%s stands twice in the dump", i)
			delete(d.keys, i)
		}
		d.keys[i] = valueOf(d.keys[i], r)
	})
	type line struct {
		Type   format.Type `json:"type"`
		Key    []byte      `json:"key"`
		Reason string      `json:"reason"`
	}
	for _, l := range readLines[line](h, filepath.Join(dir, format.SkippedName)) {
		for _, k := range kinds {
			if l.Type.Holds(k) {
				d.listed[id{k, string(l.Key)}] = l.Reason
			}
		}
	}
	return d
}

// eachRecord calls do with each record of a dump, and the number of the unit in which it is.
func (h *history) eachRecord(a *archive.Archive, do func(unit int, r *format.Record)) {
	h.Helper()
	for n, u := range a.Units(func(format.ChunkInfo) bool { return true }) {
		src := a.OpenUnit(u)
		for {
			r, err := src.Next()
			if err == io.EOF {
				break
			}
			h.must(err)
			do(n, r)
		}
		h.must(src.Close())
	}
}

// readLines reads a file of a JSON object per line; one that is not there has none.
func readLines[T any](h *history, path string) (list []T) {
	h.Helper()
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	h.must(err)
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var v T
		h.must(json.Unmarshal(lines.Bytes(), &v))
		list = append(list, v)
	}
	h.must(lines.Err())
	return list
}
