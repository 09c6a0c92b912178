package columns

import (
	"io"
	"slices"
	"strings"
)

// A Table has columns of numbers, and a last one of text.
type Table struct {
	Head []string
	Rows [][]string
	Drop []int // columns that go first if there is no room
}

// Row adds a row.
func (t *Table) Row(cells ...string) { t.Rows = append(t.Rows, cells) }

// leastText is how many columns the text has before others go.
const leastText = 32

// Print writes the table in lines of at most so many columns; 0: as many as it takes. Text that
// does not fit is cut in its middle.
func (t *Table) Print(w io.Writer, width int) error {
	shown := make([]bool, len(t.Head))
	sizes := make([]int, len(t.Head))
	used := 0
	for i := range t.Head {
		for _, row := range append(t.Rows, t.Head) {
			sizes[i] = max(sizes[i], Of(row[i]))
		}
		shown[i] = true
		used += sizes[i] + 2
	}
	last := len(t.Head) - 1
	used -= sizes[last]
	for _, i := range t.Drop {
		if width > 0 && used+min(leastText, sizes[last]) > width && shown[i] {
			shown[i], used = false, used-sizes[i]-2
		}
	}
	room := 0
	if width > 0 {
		room = max(8, width-used)
	}
	var text strings.Builder
	for _, row := range slices.Insert(t.Rows, 0, t.Head) {
		line := ""
		for i, cell := range row[:last] {
			if shown[i] {
				line += "  " + strings.Repeat(" ", sizes[i]-Of(cell)) + cell
			}
		}
		if shown[last] {
			cell := row[last]
			if room > 0 {
				cell = Middle(cell, room)
			}
			line += "  " + cell
		}
		text.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	_, err := io.WriteString(w, text.String())
	return err
}
