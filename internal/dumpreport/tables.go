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
		all[i].Add(g.Counts)
	}
	return slices.DeleteFunc(all, func(k kind) bool { return k.Keys == 0 }) // a delta only deletes some
}

// countSheet returns a table of counts behind a name and a bar.
func (m *maker) countSheet(caption, first string) *sheet {
	s := m.sheet(caption, first, "|", "#Keys", "~Elements", "~Expiring", "#Bytes", "~Share") // which the bar shows, too
	s.Wide = true
	return s
}

func (m *maker) addCounts(s *sheet, name string, c stats.Counts, bar []segment) *line {
	return s.add(name, bar, c.Keys, c.Elements, c.Expiring, progress.Bytes(c.Bytes), m.share(c.Bytes))
}

func part(of, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return 1000 * float64(of) / float64(whole)
}

func (m *maker) Types() *sheet {
	s := m.countSheet("By type; the bars show bytes", "Type")
	for _, k := range m.groups(typeOf) {
		m.addCounts(s, k.name, k.Counts, []segment{{0, part(k.Bytes, m.s.Bytes), k.name}})
	}
	m.addCounts(s, m.say("all"), m.s.Counts, nil).Class = "all"
	return s
}

// Databases returns the table by database; nil: there is one.
func (m *maker) Databases() *sheet {
	all := m.groups(databaseOf)
	if len(all) < 2 {
		return nil
	}
	s := m.countSheet("By database; the bars show bytes by type", "Database")
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
		m.addCounts(s, k.name, k.Counts, bar)
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

func (m *maker) classes(caption, what string, classes []stats.Class, label func(stats.Class) string) *sheet {
	s := m.sheet(caption, what, "|", "#Keys", "#Share", "#Bytes")
	s.Wide = true
	for len(classes) > 0 && classes[0].Keys == 0 {
		classes = classes[1:]
	}
	for len(classes) > 0 && classes[len(classes)-1].Keys == 0 {
		classes = classes[:len(classes)-1]
	}
	longest, whole := int64(1), int64(0)
	for _, c := range classes {
		longest, whole = max(longest, c.Keys), whole+c.Keys
	}
	for _, c := range classes {
		row := s.add(label(c), m.stacked(c.Types, longest), c.Keys, share(c.Keys, whole), progress.Bytes(c.Bytes))
		if c.Keys == 0 {
			row.Class = "zero"
		}
	}
	return s
}

func (m *maker) Sizes() *sheet {
	return m.classes("Keys by the bytes of name and content", "Size", m.s.Sizes, m.sizeClass)
}

// Lengths returns the histogram of collections; nil: there are none.
func (m *maker) Lengths() *sheet {
	if len(m.s.Longest) == 0 {
		return nil
	}
	return m.classes("Collections by their elements", "Elements", m.s.Lengths, m.lengthClass)
}

func (m *maker) TTLs() *sheet {
	return m.classes("Keys by the time that was left", "Time", append(slices.Clone(m.s.TTLs), m.s.Permanent), m.ttlClass)
}

func (m *maker) PrefixText() string {
	var quoted []string
	for _, s := range m.s.Names.Separators {
		if s == " " {
			s = m.say("space")
		}
		quoted = append(quoted, s)
	}
	return m.say("Names were split at %s. Marks stand for what differs from name to name: <n> a number, <date>, <epoch> seconds, <uuid>, <hex>, <binary>; * for more than is told apart.", strings.Join(quoted, " "))
}

func (m *maker) Prefixes() *sheet {
	s := m.countSheet("Prefixes; the bars show bytes by type", "=Prefix")
	m.eachPrefix(func(p stats.Prefix, depth int) {
		row := m.addCounts(s, shown(p.Prefix), p.Counts, m.mixed(p))
		if depth > 0 {
			row.Cells[0].Class += fmt.Sprint(" depth", min(depth, 3))
		}
	})
	return s
}

// mostRows is how many prefixes are shown.
const mostRows = 50

// eachPrefix hands over the first prefixes, each before those below it.
func (m *maker) eachPrefix(do func(p stats.Prefix, depth int)) {
	n := 0
	var below func(all []stats.Prefix, depth int)
	below = func(all []stats.Prefix, depth int) {
		for _, p := range all {
			if n == mostRows {
				return
			}
			n++
			do(p, depth)
			below(p.Below, depth+1)
		}
	}
	below(m.s.Names.Prefixes, 0)
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

// Largest returns the table of the largest keys.
func (m *maker) Largest() *sheet { return m.keys("Largest keys by bytes", m.s.Largest) }

// Longest returns the table of the largest collections; nil: there are none.
func (m *maker) Longest() *sheet {
	if len(m.s.Longest) == 0 {
		return nil
	}
	return m.keys("Largest collections by elements", m.s.Longest)
}

func (m *maker) keys(caption string, keys []stats.Key) *sheet {
	s := m.sheet(caption, "=Key", "Type", "~Database", "#Elements", "#Bytes", "~Share", "~Expires")
	s.Wide = true
	for _, k := range keys[:min(mostKeys, len(keys))] {
		expires := "–"
		if k.Expires != nil {
			expires = k.Expires.Format("2006-01-02")
		}
		s.add(columns.Middle(k.Name, mostName), k.Type, fmt.Sprint("db", k.DB), k.Elements, progress.Bytes(k.Bytes), m.share(k.Bytes), expires)
	}
	return s
}

func (m *maker) Names() []*sheet {
	series := m.sheet("Names with times or sequences", "=Prefix", "-Kind", "From", "To", "#Keys", "~Bytes")
	for _, n := range m.s.Names.Series {
		series.add(shown(n.Prefix), m.say(n.Kind), n.From, n.To, n.Keys, progress.Bytes(n.Bytes))
	}
	ids := m.sheet("Ids behind a prefix, such as those of tenants or users", "=Prefix", "#Ids", "#Keys", "~Elements", "#Bytes", "~Share")
	for _, n := range m.s.Names.IDs {
		ids.add(shown(n.Prefix), "~"+progress.Count(n.IDs), n.Keys, n.Elements, progress.Bytes(n.Bytes), m.share(n.Bytes))
	}
	if len(ids.Rows) == 0 {
		return []*sheet{series, ids}
	}
	caption := "The largest ids"
	if !m.s.Names.Exact {
		caption = "The largest ids; each has at least what is shown"
	}
	largest := m.sheet(caption, "=Id", "#Keys", "~Elements", "#Bytes", "~Share")
	for _, n := range m.s.Names.LargestIDs[:min(20, len(m.s.Names.LargestIDs))] {
		largest.add(shown(n.Prefix), n.Keys, n.Elements, progress.Bytes(n.Bytes), m.share(n.Bytes))
	}
	return []*sheet{series, ids, largest}
}

// share writes a part of all bytes.
func (m *maker) share(part int64) string { return share(part, m.s.Bytes) }

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

func (m *maker) sizeClass(c stats.Class) string {
	if c.To == 0 {
		return m.say("%s and more", progress.Bytes(c.From))
	}
	return m.say("below %s", progress.Bytes(c.To))
}

func (m *maker) lengthClass(c stats.Class) string {
	switch {
	case c.To == 0:
		return m.say("%s and more", progress.Count(c.From))
	case c.From == 0:
		return m.say("0 or 1")
	}
	return m.say("%s to %s", progress.Count(c.From), progress.Count(c.To-1))
}

func (m *maker) ttlClass(c stats.Class) string {
	switch {
	case c.From < 0:
		return m.say("expired by then")
	case c.To != 0:
		return m.say("less than %s", m.span(c.To))
	case c.From == 0:
		return m.say("does not expire")
	}
	return m.say("%s and more", m.span(c.From))
}

// units are those of times, the largest first.
var units = []struct {
	seconds   int64
	one, many string
}{
	{365 * 86400, "year", "years"}, {86400, "day", "days"}, {3600, "hour", "hours"}, {60, "minute", "minutes"},
	{1, "second", "seconds"},
}

// span writes seconds in the largest unit that divides them.
func (m *maker) span(seconds int64) string {
	u := units[0]
	for i := 1; seconds%u.seconds != 0; i++ {
		u = units[i]
	}
	n, unit, _ := strings.Cut(progress.Plural(seconds/u.seconds, u.one, u.many), " ")
	return m.say("%s "+unit, n)
}
