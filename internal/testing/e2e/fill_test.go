package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// A filler writes keys to a Pika in pipelines.
type filler struct {
	t    *testing.T
	pipe redis.Pipeliner
	size int
}

// Bounds of one pipeline, and of one command of a collection.
const (
	fillCommands = 1000
	fillBytes    = 1 << 20
	fillElements = 500
)

func newFiller(t *testing.T, c redis.UniversalClient) *filler {
	return &filler{t: t, pipe: c.Pipeline()}
}

// fill writes the whole model.
func (m *model) fill(t *testing.T, c *redis.Client) {
	t.Helper()
	f := newFiller(t, c)
	for i := range m.keys {
		f.record(m.record(i))
	}
	f.flush()
}

// record writes a key.
func (f *filler) record(r *record) {
	switch r.Kind {
	case format.String:
		f.do("SET", r.Key, r.Value)
	case format.Hash:
		f.pieces("HMSET", r.Key, 2, r.Elems)
	case format.List:
		f.pieces("RPUSH", r.Key, 1, r.Elems)
	case format.Set:
		f.pieces("SADD", r.Key, 1, r.Elems)
	case format.Zset:
		var args [][]byte
		for i, member := range r.Elems {
			args = append(args, []byte(scoreText(r.Scores[i])), member)
		}
		f.pieces("ZADD", r.Key, 2, args)
	case format.HyperLogLog:
		for few := range slices.Chunk(r.Elems, 250) { // Pika refuses 255
			f.pieces("PFADD", r.Key, 1, few)
		}
	case format.Stream:
		f.stream(r)
	}
	if r.Expire != 0 {
		f.do("EXPIREAT", r.Key, r.Expire/1000)
	}
}

// pieces writes a collection whose elements are width arguments each.
func (f *filler) pieces(command string, key []byte, width int, args [][]byte) {
	for piece := range slices.Chunk(args, width*fillElements) {
		cmd := []any{command, key}
		for _, a := range piece {
			cmd = append(cmd, a)
		}
		f.do(cmd...)
	}
}

// stream writes a stream with what was in it once, and deletes that.
func (f *filler) stream(r *record) {
	add := func(id format.StreamID, fields [][]byte) {
		cmd := []any{"XADD", r.Key, id.String()}
		for _, b := range fields {
			cmd = append(cmd, b)
		}
		f.do(cmd...)
	}
	deleted := r.deleted
	for _, e := range r.Entries {
		for len(deleted) > 0 && (deleted[0].Ms < e.ID.Ms || deleted[0].Ms == e.ID.Ms && deleted[0].Seq < e.ID.Seq) {
			add(deleted[0], [][]byte{{}, {}})
			deleted = deleted[1:]
		}
		add(e.ID, e.Fields)
	}
	for _, id := range deleted {
		add(id, [][]byte{{}, {}})
	}
	if len(r.deleted) > 0 {
		cmd := []any{"XDEL", r.Key}
		for _, id := range r.deleted {
			cmd = append(cmd, id.String())
		}
		f.do(cmd...)
	}
}

// do adds a command.
func (f *filler) do(args ...any) {
	f.t.Helper()
	f.pipe.Do(f.t.Context(), args...)
	for _, a := range args {
		if b, ok := a.([]byte); ok {
			f.size += len(b)
		}
	}
	if f.pipe.Len() >= fillCommands || f.size >= fillBytes {
		f.flush()
	}
}

// flush sends what has been added; every command must have worked.
func (f *filler) flush() {
	f.t.Helper()
	cmds, err := f.pipe.Exec(f.t.Context())
	if err != nil {
		f.t.Fatalf("fill the source: %v", err)
	}
	for _, cmd := range cmds {
		if cmd.Name() != "expireat" && cmd.Name() != "EXPIREAT" {
			continue
		}
		if n, err := cmd.(*redis.Cmd).Int(); n < 1 || err != nil { // up to 3.5 one for each type
			f.t.Fatalf("%s: %d, %v", strings.ToValidUTF8(cmd.String(), "?"), n, err)
		}
	}
	f.size = 0
}
