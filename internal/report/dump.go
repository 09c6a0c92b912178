package report

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// Dump prints what a manifest says, in lines of at most so many columns; 0: as many as it takes.
func Dump(w io.Writer, m *format.Manifest, width int) {
	say := func(text string, args ...any) {
		progress.Wrap(w, "", "  ", fmt.Sprintf(text, args...), cmp.Or(width, math.MaxInt))
	}
	say("dump %s, format version %d, written by %s", m.Dump, m.Version, m.Tool)
	if d := m.Delta; d != nil {
		say("%s", Delta(d))
		for _, p := range d.From {
			say("binlog of db%d from: %d %d", p.DB, p.File, p.Offset)
		}
		for _, p := range d.To {
			say("binlog of db%d to: %d %d", p.DB, p.File, p.Offset)
		}
	}
	role := m.Source.Role
	if m.Source.Link != "" {
		role += ", link to its master " + m.Source.Link
	}
	say("source: %s %s at %s, role %s", ServerName(m.Source.Server), m.Source.Version, m.Source.Address, role)
	say("from %s to %s (%s); the source's clock was %d ms ahead", m.Started.Format(time.RFC3339), m.Finished.Format(time.RFC3339),
		progress.Duration(m.Finished.Sub(m.Started)), m.Source.ClockDifference)
	say("consistency: %s (%s)", m.Consistency.Statement, m.Consistency.Reason)
	for _, line := range Partial(m.Options) {
		say("the dump is %s", line)
	}
	fmt.Fprintln(w)
	Totals(w, m.Totals, width)
	fmt.Fprintln(w)
	if m.Delta != nil {
		say("deleted or of another type, counted once for each type: %s", progress.Count(Sum(m.Totals).Deleted))
	}
	say("names in several types: %s", progress.Count(m.Conflicts))
	say("expired while being read: %s", progress.Count(m.Expired))
	for _, r := range m.Skipped {
		text := fmt.Sprintf("skipped, %s: %s", r.Reason, progress.Count(r.Keys))
		if meaning := Reasons[r.Reason]; meaning != "" {
			text += " (" + meaning + ")"
		}
		say("%s", text)
	}
}

// Delta says which dump a delta follows, and how far it is.
func Delta(d *format.Delta) string {
	made := map[string]string{format.MadeByBinlog: "from the binlog", format.MadeByScan: "by comparing a scan"}[d.Made]
	text := fmt.Sprintf("delta %d of base %s, made %s; it has all writes up to %s by the source's clock", d.Number, d.Base, made, d.Until.Format(time.RFC3339))
	if d.Number > 1 {
		text = strings.Replace(text, ", made", ", after delta "+d.After+", made", 1)
	}
	if d.Last {
		text += "; the writers were at rest: it is the last"
	}
	return text
}

// Chain prints the deltas of a chain, a line each, as Table does; unfinished is the number of one
// that is still being made, 0: none is.
func Chain(w io.Writer, deltas []*format.Manifest, unfinished, width int) {
	if len(deltas) > 0 {
		fmt.Fprintf(w, "chain of %s of base %s\n\n", progress.Plural(len(deltas), "delta", "deltas"), deltas[0].Delta.Base)
		rows := [][]string{{"delta", "until", "made by", "keys", "deleted", "skipped", "stored"}}
		for _, m := range deltas {
			sum, skipped := Sum(m.Totals), int64(0)
			for _, r := range m.Skipped {
				skipped += r.Keys
			}
			rows = append(rows, []string{fmt.Sprint(m.Delta.Number), m.Delta.Until.Format(time.RFC3339), m.Delta.Made,
				progress.Count(sum.Keys), progress.Count(sum.Deleted), progress.Count(skipped), progress.Bytes(sum.Stored)})
		}
		Table(w, width, rows, 2, 6, 1)
		if last := deltas[len(deltas)-1]; last.Delta.Last {
			fmt.Fprintf(w, "\ndelta %d is the last: it was made while the writers were at rest\n", last.Delta.Number)
		}
	}
	if unfinished > 0 {
		fmt.Fprintf(w, "\ndelta %d is not finished\n", unfinished)
	}
}

// ServerName returns the name of what a dump is of: a Pika, or the target of a load with --undo.
func ServerName(server string) string {
	if server == "" {
		return "Pika"
	}
	return strings.ToUpper(server[:1]) + server[1:]
}
