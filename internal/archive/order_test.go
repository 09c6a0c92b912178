package archive

import (
	"slices"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// TestLargestFirst: units go in the order of their size, whatever their types; a unit of several
// chunks counts as a whole.
func TestLargestFirst(t *testing.T) {
	chunk := func(name string, typ format.Type, size int64) format.ChunkInfo {
		return format.ChunkInfo{Type: typ, File: format.File{Name: name, Size: size}}
	}
	units := LargestFirst([]Unit{
		{chunk("a", format.TypeString, 5)}, {chunk("b", format.TypeHash, 1<<40)}, {chunk("c", format.TypeHash, 7)},
		{chunk("d", format.TypeZset, 5), chunk("d2", format.TypeZset, 6)}, {chunk("e", format.TypeSet, 7)},
	})
	var names []string
	for _, u := range units {
		names = append(names, u[0].Name)
	}
	if want := []string{"b", "d", "c", "e", "a"}; !slices.Equal(names, want) {
		t.Errorf("%v, want %v", names, want)
	}
}
