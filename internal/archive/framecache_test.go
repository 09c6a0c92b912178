package archive

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// framed returns a dump of one chunk that has about n frames of records, and what a plain reading
// shows of them.
func framed(t *testing.T, n int) (a *Archive, want []string) {
	t.Helper()
	w := begin(t, 0, 0)
	var records []format.Record
	for i := range 4 * n {
		records = append(records, listRecord(fmt.Sprintf("key%06d", i), format.PartWhole, noise(uint64(i), format.FrameTarget/4)))
	}
	write(t, w, 0, format.TypeList, records...)
	a = finish(t, w)
	want, err := readUnit(a, listUnit(t, a))
	if err != nil || len(want) != len(records) {
		t.Fatalf("%d records, %v", len(want), err)
	}
	return a, want
}

func listUnit(t *testing.T, a *Archive) Unit {
	t.Helper()
	units := a.Units(func(c format.ChunkInfo) bool { return c.Type == format.TypeList })
	if len(units) != 1 {
		t.Fatalf("%d units", len(units))
	}
	return units[0]
}

// shown is show for large values.
func shown(r *format.Record) string {
	return fmt.Sprintf("%s %08x", r.Key, crc32.ChecksumIEEE(bytes.Join(r.Elems, nil)))
}

func readUnit(a *Archive, u Unit) (got []string, err error) {
	src := a.OpenUnit(u)
	defer func() { err = errors.Join(err, src.Close()) }()
	for {
		r, err := src.Next()
		if err == io.EOF {
			if src.Read() != u.Stored() {
				return got, fmt.Errorf("read %d bytes of %d", src.Read(), u.Stored())
			}
			return got, nil
		}
		if err != nil {
			return got, err
		}
		got = append(got, shown(r))
	}
}

// sources opens the unit for each of n readers.
func sources(a *Archive, u Unit, n int) (list []*UnitSource) {
	for range n {
		list = append(list, a.OpenUnit(u))
	}
	return list
}

// step reads one record of each; at the end it returns false.
func step(t *testing.T, list []*UnitSource, want string) bool {
	t.Helper()
	more := true
	for i, src := range list {
		r, err := src.Next()
		switch {
		case err == io.EOF && want == "":
			more = false
		case err != nil:
			t.Fatalf("reader %d: %v", i, err)
		case shown(r) != want:
			t.Fatalf("reader %d: %s, want %s", i, shown(r), want)
		}
	}
	return more
}

func closeAll(t *testing.T, list []*UnitSource) {
	t.Helper()
	for _, src := range list {
		if err := src.Close(); err != nil {
			t.Error(err)
		}
	}
}

// isClean checks that nothing is kept, and nothing is under way.
func isClean(t *testing.T, s *frameCache) {
	t.Helper()
	if s.bytes != 0 || s.kept.Len() != 0 || len(s.passes) != 0 {
		t.Errorf("%d bytes in %d frames are kept, and %d passes", s.bytes, s.kept.Len(), len(s.passes))
	}
}

// TestSharedInStep: readers that are in step have every frame read once, and nothing stays in
// memory.
func TestSharedInStep(t *testing.T) {
	a, want := framed(t, 20)
	frames := int64(len(want)) / 4
	for _, n := range []int{1, 2, 3} {
		a.CacheFrames(n, 8<<20)
		list := sources(a, listUnit(t, a), n)
		for _, w := range append(slices.Clone(want), "") {
			step(t, list, w)
			if a.frames.bytes > format.FrameTarget*3/2 {
				t.Fatalf("%d bytes are kept", a.frames.bytes)
			}
		}
		closeAll(t, list)
		if got := a.frames.read; got != frames {
			t.Errorf("%d readers: %d frames were read, want %d", n, got, frames)
		}
		isClean(t, a.frames)
	}
}

// TestSharedBehind: one that is behind by less than what is kept reads nothing by itself; one that
// is farther behind reads the chunk again, once, however slow it is.
func TestSharedBehind(t *testing.T) {
	a, want := framed(t, 20)
	for _, tc := range []struct {
		kept  int64
		reads int64 // of the whole chunk
	}{{32 << 20, 1}, {3 << 20, 2}, {0, 2}} {
		a.CacheFrames(2, tc.kept)
		list := sources(a, listUnit(t, a), 2)
		first, second := list[:1], list[1:]
		for i := range 8 { // both come to the chunk
			step(t, list, want[i])
		}
		for _, w := range append(slices.Clone(want[8:]), "") {
			step(t, first, w)
			if a.frames.bytes > tc.kept {
				t.Fatalf("%d bytes are kept, more than %d", a.frames.bytes, tc.kept)
			}
		}
		for _, w := range append(slices.Clone(want[8:]), "") {
			step(t, second, w)
		}
		if got := a.frames.read; got != int64(len(want)/4)*tc.reads {
			t.Errorf("%d bytes kept: %d frames were read, want %d times %d", tc.kept, got, tc.reads, len(want)/4)
		}
		closeAll(t, list)
		isClean(t, a.frames)
	}
}

// TestSharedLeft: one that ends early does not keep the other from the rest, nor frames in memory.
func TestSharedLeft(t *testing.T) {
	a, want := framed(t, 20)
	for at := 1; at < len(want); at += 9 {
		a.CacheFrames(2, 32<<20)
		list := sources(a, listUnit(t, a), 2)
		for i := range at {
			step(t, list[:1], want[i])
		}
		for i := range at / 2 {
			step(t, list[1:], want[i])
		}
		closeAll(t, list[:1])
		for _, w := range append(slices.Clone(want[at/2:]), "") {
			step(t, list[1:], w)
		}
		closeAll(t, list[1:])
		isClean(t, a.frames)
	}
}

// TestSharedDamage: what is wrong with a chunk, wherever it is, every reader is told, whether the
// frames come from its own reading or from another's; and whatever it got before is as it was
// written.
func TestSharedDamage(t *testing.T) {
	a, want := framed(t, 3)
	u := listUnit(t, a)
	file := filepath.Join(a.Path(), filepath.FromSlash(u[0].Name))
	sound, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	damaged := map[string][]byte{"appended to": append(bytes.Clone(sound), 'x'), "last byte missing": sound[:len(sound)-1], "half": sound[:len(sound)/2]}
	for i := range 30 {
		if i%4 > 0 && testing.Short() {
			continue
		}
		at := i * len(sound) / 30
		if i > 20 {
			at = len(sound) - 20*(30-i) // footer, digest and seek table
		}
		b := bytes.Clone(sound)
		b[at] ^= 1 << (i % 8)
		damaged[fmt.Sprint("bit flipped at ", at)] = b
	}
	for name, data := range damaged {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, kept := range []int64{0, 600 << 10, 32 << 20} {
			for _, ahead := range []int{1, 5, len(want) + 1} {
				a.CacheFrames(2, kept)
				func() { // what is deferred comes before the file is another one
					list := sources(a, u, 2)
					for i, src := range list {
						got, corrupt := 0, false
						read := func(most int) {
							for ; most > 0 && !corrupt; most-- {
								r, err := src.Next()
								if err == nil && got < len(want) && shown(r) == want[got] {
									got++
								} else if corrupt = errors.As(err, new(*format.CorruptError)); !corrupt {
									t.Fatalf("%s, %d kept, reader %d: record %d, %v", name, kept, i, got, err)
								}
							}
						}
						if i == 0 {
							read(ahead)
							defer src.Close()
							defer func() { read(len(want) + 1) }() // after the other
							continue
						}
						if read(len(want) + 1); !corrupt {
							t.Fatalf("%s: not found", name)
						}
						if err := src.Close(); err != nil {
							t.Fatal(err)
						}
					}
				}()
			}
		}
	}
}

// TestSharedAtOnce: many readers with pauses of their own, over many units and with little memory,
// read what was written.
func TestSharedAtOnce(t *testing.T) {
	w := begin(t, 1<<20, 0)
	var records []format.Record
	for i := range 300 {
		records = append(records, listRecord(fmt.Sprintf("key%06d", i), format.PartWhole, noise(uint64(i), 60<<10)))
	}
	write(t, w, 0, format.TypeList, records...)
	a := finish(t, w)
	units := a.Units(func(c format.ChunkInfo) bool { return c.Records > 0 })
	var want [][]string
	for _, u := range units {
		got, err := readUnit(a, u)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, got)
	}
	const readers = 4
	a.CacheFrames(readers, 2<<20)
	var g errgroup.Group
	for n := range readers {
		rng := rand.New(rand.NewPCG(uint64(n), 0))
		early := rng.Perm(len(units))[:3] // units that are left in the middle, and opened again
		g.Go(func() error {
			for i, u := range units {
				if slices.Contains(early, i) {
					src := a.OpenUnit(u)
					for range rng.IntN(len(want[i])) {
						if _, err := src.Next(); err != nil {
							return err
						}
					}
					if err := src.Close(); err != nil {
						return err
					}
				}
				if got, err := readUnit(a, u); err != nil || !slices.Equal(got, want[i]) {
					return fmt.Errorf("reader %d: unit %d: %d records, %w", n, i, len(got), err)
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if s := a.frames; s.bytes > s.max || int64(len(s.passes)) > int64(s.kept.Len()) {
		t.Errorf("%d bytes in %d frames are kept, and %d passes", s.bytes, s.kept.Len(), len(s.passes))
	}
}
