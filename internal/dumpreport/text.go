package dumpreport

import (
	"fmt"
	"io"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/stats"
)

// Text prints what is in a dump, as tables that fit into so many columns; 0: as many as it takes.
func Text(w io.Writer, s *stats.Stats, width int) {
	p := printer{maker{&Page{Lang: English}, s}, w, width}
	fmt.Fprintf(w, "dump %s\n", s.Dump)
	if s.Deleted > 0 {
		fmt.Fprintf(w, "deleted since the dump before: %s\n", progress.Plural(s.Deleted, "name", "names"))
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

func (p *printer) groups() {
	t := table{title: "by database and type", head: []string{"db", "keys", "elements", "expiring", "bytes", "share", "type"}, drop: []int{3, 2}}
	for _, g := range p.s.Groups {
		t.row(fmt.Sprint(g.DB), progress.Count(g.Keys), progress.Count(g.Elements), progress.Count(g.Expiring), progress.Bytes(g.Bytes), p.share(g.Bytes), g.Type)
	}
	t.row("all", progress.Count(p.s.Keys), progress.Count(p.s.Elements), progress.Count(p.s.Expiring), progress.Bytes(p.s.Bytes), p.share(p.s.Bytes), "")
	t.print(p.w, p.width)
}

// bar is how long the bar of a whole is.
const bar = 30

// classes prints a histogram.
func (p *printer) classes(title, what string, classes []stats.Class, label func(stats.Class) string) {
	whole := int64(0)
	for _, c := range classes {
		whole += c.Keys
	}
	t := table{title: title, head: []string{what, "keys", "bytes", "share of keys", ""}, drop: []int{4}}
	for _, c := range classes {
		if c.Keys == 0 {
			continue
		}
		length := int((bar*c.Keys + whole - 1) / whole)
		t.row(label(c), progress.Count(c.Keys), progress.Bytes(c.Bytes), share(c.Keys, whole), strings.Repeat("#", length))
	}
	if len(t.rows) > 0 {
		t.print(p.w, p.width)
	}
}

func (p *printer) prefixes() {
	title := "prefixes, split at " + strings.Join(p.s.Names.Separators, " ")
	t := table{title: title, head: []string{"keys", "elements", "expiring", "bytes", "share", "prefix"}, drop: []int{2, 1}}
	p.eachPrefix(func(f stats.Prefix, depth int) {
		t.row(progress.Count(f.Keys), progress.Count(f.Elements), progress.Count(f.Expiring), progress.Bytes(f.Bytes), p.share(f.Bytes), strings.Repeat("  ", depth)+f.Prefix)
	})
	t.print(p.w, p.width)
}

func (p *printer) keys(title string, keys []stats.Key) {
	t := table{title: title, head: []string{"bytes", "elements", "share", "db", "type", "key"}, drop: []int{2, 3}}
	for _, k := range keys {
		t.row(progress.Bytes(k.Bytes), progress.Count(k.Elements), p.share(k.Bytes), fmt.Sprint(k.DB), k.Type, k.Name)
	}
	t.print(p.w, p.width)
}

func (p *printer) series() {
	t := table{title: "names with times or sequences", head: []string{"keys", "bytes", "kind", "from", "to", "prefix"}, drop: []int{1}}
	for _, s := range p.s.Names.Series {
		t.row(progress.Count(s.Keys), progress.Bytes(s.Bytes), s.Kind, s.From, s.To, s.Prefix)
	}
	t.print(p.w, p.width)
}

func (p *printer) ids() {
	t := table{title: "ids behind a prefix, such as tenants", head: []string{"ids", "keys", "bytes", "share", "prefix"}}
	for _, i := range p.s.Names.IDs {
		t.row("~"+progress.Count(i.IDs), progress.Count(i.Keys), progress.Bytes(i.Bytes), p.share(i.Bytes), i.Prefix)
	}
	t.print(p.w, p.width)
	if len(t.rows) == 0 {
		return
	}
	at := ""
	if !p.s.Names.Exact {
		at = ", each at least this large"
	}
	t = table{title: "largest ids" + at, head: []string{"keys", "elements", "bytes", "share", "prefix"}, drop: []int{1}}
	for _, i := range p.s.Names.LargestIDs {
		t.row(progress.Count(i.Keys), progress.Count(i.Elements), progress.Bytes(i.Bytes), p.share(i.Bytes), i.Prefix)
	}
	t.print(p.w, p.width)
}
