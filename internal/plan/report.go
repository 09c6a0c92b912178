package plan

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/columns"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
)

// Show prints the forecast for people, in 80 columns, or as many as the terminal has if these are
// fewer; 0: it is none.
func (f *Forecast) Show(w io.Writer, terminal int) {
	width := 80
	if terminal > 0 {
		width = min(width, terminal)
	}
	say := func(label, text string) { progress.Wrap(w, label+": ", "  ", text, width) }
	say("source", fmt.Sprintf("Pika %s at %s, role %s, %s; scanned by %s over %s", f.Source.Version,
		f.Source.Address, f.Source.Role, progress.Plural(f.Source.Databases, "database", "databases"),
		f.Scan, progress.Plural(f.Threads, "connection", "connections")))
	for _, text := range f.Warnings {
		say("warning", text)
	}
	fmt.Fprintf(w, "estimates from a sample of %s:\n\n", progress.Plural(f.Sampled, "key", "keys"))
	rows := [][]string{{"db", "type", "keys", "elements", "expiring", "raw", "mean", "dump"}}
	for _, t := range f.Types {
		if t.Keys == 0 {
			continue
		}
		rows = append(rows, []string{strconv.Itoa(t.DB), string(t.Type), progress.Count(t.Keys), progress.Count(t.Elements), progress.Count(t.Expiring),
			progress.Bytes(t.Raw), progress.Bytes(t.Raw / max(1, t.Keys)), progress.Bytes(t.Stored)})
	}
	rows = append(rows, []string{"all", "", progress.Count(f.Keys), "", "", progress.Bytes(f.Raw), progress.Bytes(f.Raw / max(1, f.Keys)), progress.Bytes(f.Stored)})
	report.Table(w, width, rows, 4, 3, 6)
	one := time.Duration(f.Seconds * float64(time.Second))
	fmt.Fprintln(w)
	say("time", fmt.Sprintf("about %s over one connection at the rate measured; down to %s over %d, as far as the source can",
		progress.Took(one), progress.Took(one/time.Duration(f.Threads)), f.Threads))
	fmt.Fprintln(w, "\nexpiry:")
	for i, n := range f.TTL {
		if n > 0 {
			fmt.Fprintf(w, "  %-15s %s\n", expiryNames[i], progress.Count(n))
		}
	}
	largest := columns.Table{Head: []string{"bytes", "length", "db", "type", "key"}, Drop: []int{1, 2}}
	for _, k := range f.Largest {
		largest.Row(progress.Bytes(k.Bytes), progress.Count(k.Length), strconv.Itoa(k.DB), string(k.Type), strconv.Quote(string(k.Key)))
	}
	if len(f.Largest) > 0 {
		fmt.Fprintln(w, "\nlargest keys of the sample:")
		_ = largest.Print(w, width) // who reads it may end before it
	}
	if d := f.Division; d != nil {
		fmt.Fprintln(w)
		progress.Wrap(w, "", "  ", progress.Plural(d.Shards, "shard", "shards")+" (--json is what dump --plan reads), by where it begins:", width)
		for _, b := range d.Databases {
			fmt.Fprintf(w, "  db%d: %s\n", b.DB, b)
		}
	}
	each := ""
	if f.Conflicts > 0 {
		each = ", which is a key of each"
	}
	fmt.Fprintln(w)
	say("in the sample", fmt.Sprintf("%s with several types%s; %s", progress.Plural(f.Conflicts, "name", "names"), each,
		progress.Plural(f.HyperLogLog, "hyperloglog", "hyperloglogs")))
}
