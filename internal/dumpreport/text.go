package dumpreport

import (
	"fmt"
	"io"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/internal/columns"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/stats"
)

// Text prints what is in a dump, as tables that fit into so many columns; 0: as many as it takes.
func Text(w io.Writer, s *stats.Stats, width int) {
	p := printer{maker{&Page{Lang: English}, s}, w, width}
	fmt.Fprintf(w, "dump %s\n", s.Dump)
	if s.Last != "" {
		fmt.Fprintf(w, "with the deltas up to %s\n", s.Last)
	}
	if s.Deleted > 0 {
		fmt.Fprintf(w, "deleted or of another type, counted once for each type: %s\n", progress.Count(s.Deleted))
	}
	p.groups()
	p.classes("size of a key with its name", "size", s.Sizes, p.sizeClass)
	if len(s.Longest) > 0 {
		p.classes("elements of a collection", "elements", s.Lengths, p.lengthClass)
	}
	p.classes("time to live at the end of the dump", "time", append(s.TTLs, s.Permanent), p.ttlClass)
	p.prefixes()
	p.keys("largest keys", s.Largest)
	p.keys("largest collections", s.Longest)
	p.series()
	p.ids()
}

type printer struct {
	maker
	w     io.Writer
	width int
}

// show prints a table below its title. Who reads it may end before it.
func (p *printer) show(title string, t *columns.Table) {
	fmt.Fprintf(p.w, "\n%s\n", title)
	if len(t.Rows) == 0 {
		fmt.Fprintln(p.w, "  none")
		return
	}
	_ = t.Print(p.w, p.width)
}

func (p *printer) groups() {
	t := columns.Table{Head: []string{"db", "keys", "elements", "expiring", "bytes", "share", "type"}, Drop: []int{3, 2}}
	for _, g := range p.s.Groups {
		t.Row(fmt.Sprint(g.DB), progress.Count(g.Keys), progress.Count(g.Elements), progress.Count(g.Expiring), progress.Bytes(g.Bytes), p.share(g.Bytes), g.Type)
	}
	t.Row("all", progress.Count(p.s.Keys), progress.Count(p.s.Elements), progress.Count(p.s.Expiring), progress.Bytes(p.s.Bytes), p.share(p.s.Bytes), "")
	p.show("by database and type", &t)
}

// bar is how long the bar of a whole is.
const bar = 30

func (p *printer) classes(title, what string, classes []stats.Class, label func(stats.Class) string) {
	whole := int64(0)
	for _, c := range classes {
		whole += c.Keys
	}
	t := columns.Table{Head: []string{what, "keys", "bytes", "share of keys", ""}, Drop: []int{4}}
	for _, c := range classes {
		if c.Keys == 0 {
			continue
		}
		length := int((bar*c.Keys + whole - 1) / whole)
		t.Row(label(c), progress.Count(c.Keys), progress.Bytes(c.Bytes), share(c.Keys, whole), strings.Repeat("#", length))
	}
	if len(t.Rows) > 0 {
		p.show(title, &t)
	}
}

func (p *printer) prefixes() {
	t := columns.Table{Head: []string{"keys", "elements", "expiring", "bytes", "share", "prefix"}, Drop: []int{2, 1}}
	p.eachPrefix(func(f stats.Prefix, depth int) {
		t.Row(progress.Count(f.Keys), progress.Count(f.Elements), progress.Count(f.Expiring), progress.Bytes(f.Bytes), p.share(f.Bytes), strings.Repeat("  ", depth)+f.Prefix)
	})
	p.show("prefixes, split at "+strings.Join(p.s.Names.Separators, " "), &t)
}

func (p *printer) keys(title string, keys []stats.Key) {
	t := columns.Table{Head: []string{"bytes", "elements", "share", "db", "type", "key"}, Drop: []int{2, 3}}
	for _, k := range keys {
		t.Row(progress.Bytes(k.Bytes), progress.Count(k.Elements), p.share(k.Bytes), fmt.Sprint(k.DB), k.Type, k.Name)
	}
	p.show(title, &t)
}

func (p *printer) series() {
	t := columns.Table{Head: []string{"keys", "bytes", "kind", "from", "to", "prefix"}, Drop: []int{1}}
	for _, s := range p.s.Names.Series {
		t.Row(progress.Count(s.Keys), progress.Bytes(s.Bytes), s.Kind, s.From, s.To, s.Prefix)
	}
	p.show("names with times or sequences", &t)
}

func (p *printer) ids() {
	t := columns.Table{Head: []string{"ids", "keys", "bytes", "share", "prefix"}, Drop: []int{3}}
	for _, i := range p.s.Names.IDs {
		t.Row("~"+progress.Count(i.IDs), progress.Count(i.Keys), progress.Bytes(i.Bytes), p.share(i.Bytes), i.Prefix)
	}
	p.show("ids behind a prefix, such as tenants", &t)
	if len(t.Rows) == 0 {
		return
	}
	at := ""
	if !p.s.Names.Exact {
		at = ", each at least this large"
	}
	t = columns.Table{Head: []string{"keys", "elements", "bytes", "share", "prefix"}, Drop: []int{1, 3}}
	for _, i := range p.s.Names.LargestIDs {
		t.Row(progress.Count(i.Keys), progress.Count(i.Elements), progress.Bytes(i.Bytes), p.share(i.Bytes), i.Prefix)
	}
	p.show("largest ids"+at, &t)
}
