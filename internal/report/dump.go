package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// Dump prints what a manifest says.
func Dump(w io.Writer, m *format.Manifest) {
	fmt.Fprintf(w, "dump %s, format version %d, written by %s\n", m.Dump, m.Version, m.Tool)
	if m.Delta != nil {
		fmt.Fprintln(w, Delta(m.Delta))
		positions(w, "from", m.Delta.From)
		positions(w, "to", m.Delta.To)
	}
	role := m.Source.Role
	if m.Source.Link != "" {
		role += ", link to its master " + m.Source.Link
	}
	fmt.Fprintf(w, "source: %s %s at %s, role %s\n", ServerName(m.Source.Server), m.Source.Version, m.Source.Address, role)
	fmt.Fprintf(w, "from %s to %s (%s); the source's clock was %d ms ahead\n", m.Started.Format(time.RFC3339), m.Finished.Format(time.RFC3339),
		progress.Duration(m.Finished.Sub(m.Started)), m.Source.ClockDifference)
	fmt.Fprintf(w, "consistency: %s (%s)\n", m.Consistency.Statement, m.Consistency.Reason)
	SayPartial(w, m.Options)
	fmt.Fprintln(w)
	Totals(w, m.Totals)
	fmt.Fprintln(w)
	if m.Delta != nil {
		fmt.Fprintf(w, "deleted, counted once for each type: %s\n", progress.Count(Sum(m.Totals).Deleted))
	}
	fmt.Fprintf(w, "names in several types: %s\nexpired while being read: %s\n", progress.Count(m.Conflicts), progress.Count(m.Expired))
	Skipped(w, m.Skipped)
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

func positions(w io.Writer, what string, all []format.BinlogPosition) {
	for _, p := range all {
		fmt.Fprintf(w, "binlog of db%d %s: %d %d\n", p.DB, what, p.File, p.Offset)
	}
}

// Chain prints the deltas of a chain, a line each; unfinished is the number of one that is still
// being made, 0: none is.
func Chain(w io.Writer, deltas []*format.Manifest, unfinished int) {
	if len(deltas) > 0 {
		fmt.Fprintf(w, "chain of %s of base %s\n\n", progress.Plural(len(deltas), "delta", "deltas"), deltas[0].Delta.Base)
		tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(tw, "delta\tuntil\tmade by\tkeys\tdeleted\tskipped\tstored\t")
		for _, m := range deltas {
			sum, skipped := Sum(m.Totals), int64(0)
			for _, r := range m.Skipped {
				skipped += r.Keys
			}
			fmt.Fprintf(tw, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t\n", m.Delta.Number, m.Delta.Until.Format(time.RFC3339), m.Delta.Made,
				progress.Count(sum.Keys), progress.Count(sum.Deleted), progress.Count(skipped), progress.Bytes(sum.Stored))
		}
		tw.Flush()
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
