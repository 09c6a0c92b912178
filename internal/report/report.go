// Package report prints what a dump holds, for people.
package report

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// Totals prints a table by database and type, with a line for all.
func Totals(w io.Writer, totals []format.Total) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "db\ttype\tkeys\telements\texpiring\traw\tstored\tchunks\t")
	sum := format.Total{}
	for _, t := range totals {
		row(tw, fmt.Sprint(t.DB), string(t.Type), t)
		sum.Chunks += t.Chunks
		sum.Stored += t.Stored
		sum.Stats.Add(t.Stats)
	}
	row(tw, "all", "", sum)
	tw.Flush()
}

func row(w io.Writer, db, typ string, t format.Total) {
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", db, typ, progress.Count(t.Keys), progress.Count(t.Elements),
		progress.Count(t.Expiring), progress.Bytes(t.Raw), progress.Bytes(t.Stored), progress.Count(int64(t.Chunks)))
}
