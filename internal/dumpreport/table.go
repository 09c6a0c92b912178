package dumpreport

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/internal/columns"
)

// A table has columns of numbers, and a last one of text.
type table struct {
	title string
	head  []string
	rows  [][]string
	drop  []int // columns that go first if there is no room
}

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

// leastText is how many columns the text has before others go.
const leastText = 20

// print writes the table below its title. Text that does not fit is cut in its middle.
func (t *table) print(w io.Writer, width int) {
	fmt.Fprintf(w, "\n%s\n", t.title)
	if len(t.rows) == 0 {
		fmt.Fprintln(w, "  none")
		return
	}
	shown := make([]bool, len(t.head))
	sizes := make([]int, len(t.head))
	used := 0
	for i := range t.head {
		for _, row := range append(t.rows, t.head) {
			sizes[i] = max(sizes[i], columns.Of(row[i]))
		}
		shown[i] = true
		used += sizes[i] + 2
	}
	last := len(t.head) - 1
	used -= sizes[last]
	for _, i := range t.drop {
		if width > 0 && used+min(leastText, sizes[last]) > width && shown[i] {
			shown[i], used = false, used-sizes[i]-2
		}
	}
	text := 0
	if width > 0 {
		text = max(8, width-used)
	}
	for _, row := range slices.Insert(t.rows, 0, t.head) {
		line := ""
		for i, cell := range row[:last] {
			if shown[i] {
				line += "  " + strings.Repeat(" ", sizes[i]-columns.Of(cell)) + cell
			}
		}
		if shown[last] {
			cell := row[last]
			if text > 0 {
				cell = columns.Middle(cell, text)
			}
			line += "  " + cell
		}
		fmt.Fprintln(w, strings.TrimRight(line, " "))
	}
}
