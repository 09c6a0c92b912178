// Package report prints what a dump holds, for people: what is counted and why keys were skipped
// stands in the manifest. It says which of these reasons make the exit code 3.
package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// Partial says what of its source a dump leaves out by choice, so that a trial does not pass for
// the whole.
func Partial(o format.Options) (lines []string) {
	if o.Match != "" {
		lines = append(lines, fmt.Sprintf("not the whole source: only keys that match %q", o.Match))
	}
	if o.Sample != 0 {
		lines = append(lines, fmt.Sprintf("a trial: only a sample of %g %% of the keys", 100*o.Sample))
	}
	if o.LimitKeys != 0 {
		lines = append(lines, fmt.Sprintf("a trial: only the first %s of each database and type", progress.Plural(o.LimitKeys, "key", "keys")))
	}
	return lines
}

// SayPartial prints it, a line each.
func SayPartial(w io.Writer, o format.Options) {
	for _, line := range Partial(o) {
		fmt.Fprintf(w, "the dump is %s\n", line)
	}
}

// Sum adds up totals.
func Sum(totals []format.Total) (sum format.Total) {
	for _, t := range totals {
		sum.Chunks, sum.Stored = sum.Chunks+t.Chunks, sum.Stored+t.Stored
		sum.Stats.Add(t.Stats)
	}
	return sum
}

// Lost returns how many keys of its source a dump has not, or not wholly, and how many for each
// reason. Those that the source did not have any more are no such keys.
func Lost(skipped []format.Reason) (keys int64, reasons string) {
	for _, r := range skipped {
		if r.Reason != NoLoss {
			keys += r.Keys
			reasons += fmt.Sprintf(", %s %s", progress.Count(r.Keys), r.Reason)
		}
	}
	return keys, strings.TrimPrefix(reasons, ", ")
}

// NoLoss is the reason that counts as none: the source does not have the key any more.
const NoLoss = "deleted-or-expired"

// Lacks says that, and where they are listed; empty: there are none.
func Lacks(what string, skipped []format.Reason, list string) string {
	keys, reasons := Lost(skipped)
	if keys == 0 {
		return ""
	}
	return fmt.Sprintf("%s lacks %s of the source, or a part or the expiry of each (%s): see %s", what, progress.Plural(keys, "key", "keys"), reasons, list)
}

// Totals prints a table by database and type, with a line for all, as Table does. What holds no
// keys, as all types of an empty database do, shares a line.
func Totals(w io.Writer, totals []format.Total, width int) {
	rows := [][]string{{"db", "type", "keys", "elements", "expiring", "raw", "stored", "chunks"}}
	add := func(db, typ string, t format.Total) {
		rows = append(rows, []string{db, typ, progress.Count(t.Keys), progress.Count(t.Elements), progress.Count(t.Expiring),
			progress.Bytes(t.Raw), progress.Bytes(t.Stored), progress.Count(int64(t.Chunks))})
	}
	var empty []format.Total
	for _, t := range totals {
		if t.Keys == 0 {
			empty = append(empty, t)
			continue
		}
		add(fmt.Sprint(t.DB), string(t.Type), t)
	}
	if empty != nil {
		add("no keys", "", Sum(empty))
	}
	add("all", "", Sum(totals))
	Table(w, width, rows, 4, 3, 7, 6)
}

// Table prints rows, of which the first is the head, aligned to the right, in lines of at most so
// many columns; 0: as many as it takes. Where there is no room those of drop go, in that order.
func Table(w io.Writer, width int, rows [][]string, drop ...int) {
	sizes, used := make([]int, len(rows[0])), 0
	for i := range sizes {
		for _, row := range rows {
			sizes[i] = max(sizes[i], 2+len(row[i]))
		}
		used += sizes[i]
	}
	for _, i := range drop {
		if width > 0 && used > width {
			used, sizes[i] = used-sizes[i], 0
		}
	}
	for _, row := range rows {
		line := ""
		for i, cell := range row {
			if sizes[i] > 0 {
				line += fmt.Sprintf("%*s", sizes[i], cell)
			}
		}
		fmt.Fprintln(w, line)
	}
}
