package dumpreport

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/internal/columns"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/stats"
)

// A kind is a type, or a database, with what there is of it.
type kind struct {
	name string
	stats.Counts
}

func typeOf(g stats.Group) string { return g.Type }

func databaseOf(g stats.Group) string { return fmt.Sprint("db", g.DB) }

// groups sums groups up by what of says of each, in order.
func (m *maker) groups(of func(stats.Group) string) (all []kind) {
	for _, g := range m.s.Groups {
		name := of(g)
		i := slices.IndexFunc(all, func(k kind) bool { return k.name == name })
		if i < 0 {
			i = len(all)
			all = append(all, kind{name: name})
		}
		all[i].Keys += g.Keys
		all[i].Elements += g.Elements
		all[i].Bytes += g.Bytes
		all[i].Expiring += g.Expiring
	}
	return slices.DeleteFunc(all, func(k kind) bool { return k.Keys == 0 }) // a delta only deletes some
}

// counts are the cells of counts behind a name and a bar.
func (m *maker) counts(c stats.Counts, bar []segment) []cell {
	return []cell{
		{Class: barred, Bar: bar}, {Text: progress.Count(c.Keys), Class: number}, {Text: progress.Count(c.Elements), Class: extra},
		{Text: progress.Count(c.Expiring), Class: extra}, {Text: progress.Bytes(c.Bytes), Class: number}, {Text: share(c.Bytes, m.s.Bytes), Class: number},
	}
}

var countHead = []string{"", "#Keys", "~Elements", "~Expiring", "#Bytes", "#Share"}

func part(of, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return 1000 * float64(of) / float64(whole)
}

func (m *maker) types() *sheet {
	s := &sheet{Caption: m.say("By type; the bars show bytes"), Head: m.head(append([]string{"Type"}, countHead...)...)}
	for _, k := range m.groups(typeOf) {
		s.Rows = append(s.Rows, line{Cells: append([]cell{{Text: k.name}}, m.counts(k.Counts, []segment{{0, part(k.Bytes, m.s.Bytes), k.name}})...)})
	}
	s.Rows = append(s.Rows, line{Class: "all", Cells: append([]cell{{Text: m.say("all")}}, m.counts(m.s.Counts, nil)...)})
	return s
}

// databases returns the table by database; nil: there is one.
func (m *maker) databases() *sheet {
	all := m.groups(databaseOf)
	if len(all) < 2 {
		return nil
	}
	s := &sheet{Caption: m.say("By database; the bars show bytes by type"), Head: m.head(append([]string{"Database"}, countHead...)...)}
	for _, k := range all {
		var bar []segment
		at := 0.0
		for _, g := range m.s.Groups {
			if databaseOf(g) == k.name {
				w := part(g.Bytes, m.s.Bytes)
				bar = append(bar, segment{at, w, g.Type})
				at += w
			}
		}
		s.Rows = append(s.Rows, line{Cells: append([]cell{{Text: k.name}}, m.counts(k.Counts, bar)...)})
	}
	return s
}

// stacked returns a bar of keys by type, in the order of the types, of which the longest is whole.
func (m *maker) stacked(types map[string]int64, longest int64) (bar []segment) {
	at := 0.0
	for _, k := range m.groups(typeOf) {
		if n := types[k.name]; n > 0 {
			w := max(3, part(n, longest)) // else it is not seen
			bar = append(bar, segment{at, w, k.name})
			at += w
		}
	}
	return bar
}

// classes returns a histogram.
func (m *maker) classes(caption, what string, classes []stats.Class, label func(stats.Class) string) *sheet {
	s := &sheet{Caption: m.say(caption), Head: m.head(what, "", "#Keys", "#Share", "#Bytes")}
	longest, whole := int64(1), int64(0)
	first, last := -1, 0
	for i, c := range classes {
		longest, whole = max(longest, c.Keys), whole+c.Keys
		if c.Keys > 0 {
			last = i
			if first < 0 {
				first = i
			}
		}
	}
	for i, c := range classes {
		if i < first || i > last || first < 0 {
			continue
		}
		class := ""
		if c.Keys == 0 {
			class = "zero"
		}
		s.Rows = append(s.Rows, line{Class: class, Cells: []cell{
			{Text: label(c)}, {Class: barred, Bar: m.stacked(c.Types, longest)}, {Text: progress.Count(c.Keys), Class: number},
			{Text: share(c.Keys, whole), Class: number}, {Text: progress.Bytes(c.Bytes), Class: number},
		}})
	}
	return s
}

func (m *maker) sizes() *sheet {
	return m.classes("Keys by the bytes of name and content", "Size", m.s.Sizes, func(c stats.Class) string {
		if c.To == 0 {
			return m.say("%s and more", progress.Bytes(c.From))
		}
		return m.say("below %s", progress.Bytes(c.To))
	})
}

// lengths returns the histogram of collections; nil: there are none.
func (m *maker) lengths() *sheet {
	if len(m.s.Longest) == 0 {
		return nil
	}
	return m.classes("Collections by their elements", "Elements", m.s.Lengths, func(c stats.Class) string {
		switch {
		case c.To == 0:
			return m.say("%s and more", progress.Count(c.From))
		case c.From == 0:
			return m.say("0 or 1")
		}
		return m.say("%s to %s", progress.Count(c.From), progress.Count(c.To-1))
	})
}

func (m *maker) ttls() *sheet {
	return m.classes("Keys by the time that was left", "Time", append(slices.Clone(m.s.TTLs), m.s.Permanent), func(c stats.Class) string {
		switch {
		case c.From < 0:
			return m.say("expired by then")
		case c.To != 0:
			return m.say("less than %s", m.span(c.To))
		case c.From == 0:
			return m.say("does not expire")
		}
		return m.say("%s and more", m.span(c.From))
	})
}

// span writes seconds in the largest unit that divides them.
func (m *maker) span(seconds int64) string {
	text := span(seconds)
	n, unit, _ := strings.Cut(text, " ")
	return m.say("%s "+unit, n)
}

func (m *maker) prefixText() string {
	var quoted []string
	for _, s := range m.s.Names.Separators {
		if s == " " {
			s = m.say("space")
		}
		quoted = append(quoted, s)
	}
	return m.say("Names were split at %s. Marks stand for what differs from name to name: <n> a number, <date>, <epoch> seconds, <uuid>, <hex>, <binary>; * for more than is told apart.", strings.Join(quoted, " "))
}

func (m *maker) prefixes() *sheet {
	s := &sheet{Caption: m.say("Prefixes; the bars show bytes by type"), Head: m.head(append([]string{"Prefix"}, countHead...)...)}
	var add func(all []stats.Prefix, depth int)
	add = func(all []stats.Prefix, depth int) {
		for _, p := range all {
			if len(s.Rows) == mostRows {
				return
			}
			class := name
			if depth > 0 {
				class += fmt.Sprint(" depth", min(depth, 3))
			}
			s.Rows = append(s.Rows, line{Cells: append([]cell{{Text: shown(p.Prefix), Class: class}}, m.counts(p.Counts, m.mixed(p))...)})
			add(p.Below, depth+1)
		}
	}
	add(m.s.Names.Prefixes, 0)
	return s
}

// mixed returns a bar as long as a prefix's share of bytes, divided by types as its keys are.
func (m *maker) mixed(p stats.Prefix) []segment {
	bar := m.stacked(p.Types, p.Keys)
	scale := part(p.Bytes, m.s.Bytes) / 1000
	for i := range bar {
		bar[i].X *= scale
		bar[i].W *= scale
	}
	return bar
}

// mostKeys is how many of the largest keys a page lists, and mostName how long a name is on it.
const (
	mostKeys = 20
	mostName = 160
)

// shown writes a pattern of names so that it can be seen.
func shown(pattern string) string {
	if pattern == "" || strings.TrimSpace(pattern) != pattern {
		pattern = strconv.Quote(pattern)
	}
	return columns.Middle(pattern, mostName)
}

func (m *maker) keys(caption string, keys []stats.Key) *sheet {
	s := &sheet{Caption: m.say(caption), Head: m.head("Key", "Type", "~Database", "#Elements", "#Bytes", "~Share", "~Expires")}
	for _, k := range keys[:min(mostKeys, len(keys))] {
		expires := "–"
		if k.Expires != nil {
			expires = k.Expires.Format("2006-01-02")
		}
		s.Rows = append(s.Rows, line{Cells: []cell{
			{Text: columns.Middle(k.Name, mostName), Class: name}, {Text: k.Type}, {Text: fmt.Sprint("db", k.DB), Class: extra}, {Text: progress.Count(k.Elements), Class: number},
			{Text: progress.Bytes(k.Bytes), Class: number}, {Text: share(k.Bytes, m.s.Bytes), Class: extra}, {Text: expires, Class: extra},
		}})
	}
	return s
}

func (m *maker) names() []*sheet {
	series := &sheet{Small: true, Caption: m.say("Names with times or sequences"), Head: m.head("Prefix", "-Kind", "From", "To", "#Keys", "~Bytes")}
	for _, n := range m.s.Names.Series {
		series.Rows = append(series.Rows, line{Cells: []cell{
			{Text: shown(n.Prefix), Class: name}, {Text: m.say(n.Kind), Class: "extra"}, {Text: n.From}, {Text: n.To}, {Text: progress.Count(n.Keys), Class: number}, {Text: progress.Bytes(n.Bytes), Class: extra},
		}})
	}
	ids := &sheet{Small: true, Caption: m.say("Ids behind a prefix, such as those of tenants or users"), Head: m.head("Prefix", "#Ids", "#Keys", "~Elements", "#Bytes", "~Share")}
	for _, n := range m.s.Names.IDs {
		ids.Rows = append(ids.Rows, line{Cells: []cell{
			{Text: shown(n.Prefix), Class: name}, {Text: "~" + progress.Count(n.IDs), Class: number}, {Text: progress.Count(n.Keys), Class: number},
			{Text: progress.Count(n.Elements), Class: extra}, {Text: progress.Bytes(n.Bytes), Class: number}, {Text: share(n.Bytes, m.s.Bytes), Class: extra},
		}})
	}
	if len(ids.Rows) == 0 {
		return []*sheet{series, ids}
	}
	caption := "The largest ids"
	if !m.s.Names.Exact {
		caption = "The largest ids; each has at least what is shown"
	}
	largest := &sheet{Small: true, Caption: m.say(caption), Head: m.head("Id", "#Keys", "~Elements", "#Bytes", "~Share")}
	for _, n := range m.s.Names.LargestIDs[:min(20, len(m.s.Names.LargestIDs))] {
		largest.Rows = append(largest.Rows, line{Cells: []cell{
			{Text: shown(n.Prefix), Class: name}, {Text: progress.Count(n.Keys), Class: number}, {Text: progress.Count(n.Elements), Class: extra},
			{Text: progress.Bytes(n.Bytes), Class: number}, {Text: share(n.Bytes, m.s.Bytes), Class: extra},
		}})
	}
	return []*sheet{series, ids, largest}
}
