package dumpreport

import (
	"fmt"
	"io"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/stats"
)

// mostRows is how many prefixes, keys and ids are printed of each.
const mostRows = 50

// Text prints what is in a dump, as tables that fit into so many columns; 0: as many as it takes.
func Text(w io.Writer, s *stats.Stats, width int) {
	p := printer{w, s, width}
	fmt.Fprintf(w, "dump %s\n", s.Dump)
	if s.Deleted > 0 {
		fmt.Fprintf(w, "deleted since the dump before: %s\n", progress.Plural(s.Deleted, "name", "names"))
	}
	p.groups()
	p.classes("size of a key with its name", "size", s.Sizes, progress.Bytes)
	if len(s.Longest) > 0 {
		p.classes("elements of a collection", "elements", s.Lengths, progress.Count)
	}
	p.classes("time to live at the end of the dump", "time", append(s.TTLs, s.Permanent), nil)
	p.prefixes()
	p.keys("largest keys", s.Largest)
	p.keys("largest collections", s.Longest)
	p.series()
	p.ids()
}

type printer struct {
	w     io.Writer
	s     *stats.Stats
	width int
}

// share writes a part of all bytes.
func (p *printer) share(part int64) string { return share(part, p.s.Bytes) }

func share(part, whole int64) string {
	if whole == 0 {
		return "–"
	}
	percent := 100 * float64(part) / float64(whole)
	if part > 0 && percent < 0.1 {
		return "< 0.1 %"
	}
	return fmt.Sprintf("%.1f %%", percent)
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

// classes prints a histogram. Number writes a bound; nil: they are times.
func (p *printer) classes(title, what string, classes []stats.Class, number func(int64) string) {
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
		t.row(className(c, what, number), progress.Count(c.Keys), progress.Bytes(c.Bytes), share(c.Keys, whole), strings.Repeat("#", length))
	}
	if len(t.rows) > 0 {
		t.print(p.w, p.width)
	}
}

func className(c stats.Class, what string, number func(int64) string) string {
	switch {
	case what == "time":
		return ttlClass(c)
	case c.To == 0:
		return number(c.From) + " and more"
	case what == "elements" && c.From == 0:
		return "0 or 1"
	case what == "elements":
		return number(c.From) + " to " + number(c.To-1)
	}
	return "below " + number(c.To)
}

// ttlClass names a class of times to live.
func ttlClass(c stats.Class) string {
	switch {
	case c.From < 0:
		return "expired by then"
	case c.To != 0:
		return "less than " + span(c.To)
	case c.From == 0:
		return "does not expire"
	}
	return span(c.From) + " and more"
}

// span writes seconds in the largest unit that divides them.
func span(seconds int64) string {
	for _, u := range []struct {
		seconds   int64
		one, many string
	}{{365 * 86400, "year", "years"}, {86400, "day", "days"}, {3600, "hour", "hours"}, {60, "minute", "minutes"}} {
		if seconds%u.seconds == 0 {
			return progress.Plural(seconds/u.seconds, u.one, u.many)
		}
	}
	return progress.Plural(seconds, "second", "seconds")
}

func (p *printer) prefixes() {
	title := "prefixes, split at " + strings.Join(p.s.Names.Separators, " ")
	t := table{title: title, head: []string{"keys", "elements", "expiring", "bytes", "share", "prefix"}, drop: []int{2, 1}}
	var add func(all []stats.Prefix, depth int)
	add = func(all []stats.Prefix, depth int) {
		for _, f := range all {
			if len(t.rows) < mostRows {
				t.row(progress.Count(f.Keys), progress.Count(f.Elements), progress.Count(f.Expiring), progress.Bytes(f.Bytes), p.share(f.Bytes), strings.Repeat("  ", depth)+f.Prefix)
				add(f.Below, depth+1)
			}
		}
	}
	add(p.s.Names.Prefixes, 0)
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
