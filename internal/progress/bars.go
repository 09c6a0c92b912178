package progress

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

const (
	mostRows = 8 // lines of parts
	leastBar = 6 // columns, without the brackets
	mostBar  = 60
	mostName = 20 // columns, or a third of all
)

// Colours of a Frame.
const (
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	red    = "\x1b[31m"
	bold   = "\x1b[1m"
	plain  = "\x1b[0m"
)

// Frame returns the lines that show a Snapshot on a terminal: at most height-1, and none longer
// than width-1 columns, for what fills the last one wraps. All is ASCII, but for the colours.
func Frame(s Snapshot, width, height int, colour bool) []string {
	f := frame{width: max(1, width-1), colour: colour}
	details := s.details(f.width >= 99)
	f.table(s, min(mostRows, height-1-len(details)-3)) // beside the title, the total and the time
	f.line("elapsed "+seconds(s.Elapsed)+leftText(s), "")
	for _, d := range details {
		f.line(d.text, d.colour)
	}
	return f.lines[:min(len(f.lines), max(1, height-1))]
}

// A frame is the lines that were made so far.
type frame struct {
	width  int
	colour bool
	lines  []string
}

// line adds a line, cut to the width.
func (f *frame) line(text, colour string) {
	f.lines = append(f.lines, f.paint(cut(text, f.width), colour))
}

func (f *frame) paint(text, colour string) string {
	if !f.colour || colour == "" || text == "" {
		return text
	}
	return colour + text + plain
}

// cut shortens what is too long, and shows that it did. What is not ASCII would shift the lines.
func cut(text string, width int) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
	if len(text) <= width {
		return text
	}
	return text[:max(0, width-2)] + ".."
}

// A column of the table of parts.
type column struct {
	title string
	cells []string
	width int
}

// newColumn returns a column of at least so many characters.
func newColumn(title string, least int, rows []Part, cell func(Part) string) column {
	c := column{title: title, width: max(least, len(title))}
	for _, r := range rows {
		text := cell(r)
		c.cells = append(c.cells, text)
		c.width = max(c.width, len(text))
	}
	return c
}

// table adds the title, at most so many lines of parts, and the total. What does not fit is left
// out from the right, and the bar takes what there is.
func (f *frame) table(s Snapshot, most int) {
	rows, names := rowsOf(s, most)
	rows, names = append(rows, s.Total), append(names, "total")
	shown := slices.ContainsFunc(rows, func(p Part) bool { return p.Share != nil })
	name := len(s.Phase)
	for i := range names {
		names[i] = cut(names[i], max(mostName, f.width/3))
		name = max(name, len(names[i]))
	}
	keys := func(p Part) string { return Count(p.Keys) }
	if f.width < 72 {
		keys = func(p Part) string { return short(float64(p.Keys)) }
	}
	columns := []column{newColumn("bytes/s", 10, rows, func(p Part) string { return Bytes(int64(p.BytesRate)) })}
	if s.countsKeys() {
		perSecond := newColumn("keys/s", 0, rows, func(p Part) string { return short(p.KeysRate) })
		columns = []column{newColumn("keys", 7, rows, keys), perSecond, columns[0]}
	}
	share := newColumn("", 0, rows, func(p Part) string { return percentOf(s, p) })
	bar := 0
	for {
		used := name
		for _, c := range columns {
			used += 2 + c.width
		}
		if !shown {
			break
		}
		if bar = min(mostBar, f.width-used-2-share.width-1-2); bar >= leastBar || len(columns) == 1 {
			break
		}
		columns = columns[:len(columns)-1]
	}
	if bar >= leastBar {
		for i, cell := range share.cells {
			share.cells[i] = fmt.Sprintf("%*s [%s]", share.width, cell, strip(rows[i].Share, bar))
		}
		share.width += 1 + bar + 2
	}
	if shown {
		columns = slices.Insert(columns, 0, share)
	}
	draw := func(first string, i int) string {
		text := fmt.Sprintf("%-*s", name, first)
		for _, c := range columns {
			cell := c.title
			if i >= 0 {
				cell = c.cells[i]
			}
			text += fmt.Sprintf("  %*s", c.width, cell)
		}
		return strings.TrimRight(cut(text, f.width), " ")
	}
	f.lines = append(f.lines, f.paint(draw(s.Phase, -1), bold))
	for i, r := range rows {
		text := draw(names[i], i)
		switch {
		case r.State == Failed:
			text = f.paint(text, red)
		case f.colour:
			if from := strings.IndexAny(text, "[") + 1; from > 0 {
				to := from + strings.IndexAny(text[from:], " ]")
				text = text[:from] + f.paint(text[from:to], green) + text[to:]
			}
		}
		f.lines = append(f.lines, text)
	}
}

// countsKeys reports whether the phase is about keys, not about files.
func (s Snapshot) countsKeys() bool { return len(s.Parts) != 1 || s.Parts[0].Name != Name{} }

// percentOf writes the share of a part, and whether it is estimated.
func percentOf(s Snapshot, p Part) string {
	if s.Estimate == "" || p.Share == nil || p.State == Done {
		return percent(p.Share)
	}
	return "~" + percent(p.Share)
}

// percent writes a share rounded down, so that 100 % means all.
func percent(share *float64) string {
	if share == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", float64(int(*share*1000+1e-9))/10)
}

// strip draws a bar of so many columns; of what is not known nothing.
func strip(share *float64, width int) string {
	if share == nil || width <= 0 {
		return strings.Repeat(" ", max(0, width))
	}
	n := min(width, int(*share*float64(width)+1e-9))
	text := strings.Repeat("=", n)
	if n < width && n > 0 {
		text = text[:n-1] + ">"
	}
	return text + strings.Repeat(" ", width-n)
}

// rowsOf returns what has a line of its own: the targets if there are several, else the types, each
// with its database where these are few. Of too many those do that failed or are furthest behind.
func rowsOf(s Snapshot, most int) (rows []Part, names []string) {
	if most < 2 {
		return nil, nil
	}
	targets, dbs := map[string]bool{}, map[int]bool{}
	for _, p := range s.Parts {
		targets[p.Target], dbs[p.DB] = true, true
	}
	name := func(p Part) string { return p.Type }
	switch {
	case len(targets) > 1:
		name = func(p Part) string { return p.Target }
	case len(dbs) > 1 && len(s.Parts) <= most:
		name = func(p Part) string { return strings.TrimSpace(fmt.Sprintf("db%d %s", p.DB, p.Type)) }
	}
	sums := map[string]*sum{}
	for _, p := range s.Parts {
		key := name(p)
		if sums[key] == nil {
			sums[key] = &sum{}
			names = append(names, key)
		}
		sums[key].add(p)
	}
	if len(names) == 1 && names[0] == "" {
		return nil, nil // there are no parts but the whole
	}
	if len(names) > most {
		slices.SortStableFunc(names, func(a, b string) int { return sums[a].behind(sums[b]) })
		rest := names[most-1:]
		others := fmt.Sprintf("%d others", len(rest))
		sums[others] = &sum{}
		for _, n := range rest {
			sums[others].add(sums[n].part())
		}
		names = append(slices.Sorted(slices.Values(names[:most-1])), others)
	}
	for _, n := range names {
		rows = append(rows, sums[n].part())
	}
	return rows, names
}

// A sum is parts that share a line.
type sum struct {
	Part
	unknown       bool
	running, good int
}

func (s *sum) add(p Part) {
	s.Keys, s.Bytes = s.Keys+p.Keys, s.Bytes+p.Bytes
	s.KeysRate, s.BytesRate = s.KeysRate+p.KeysRate, s.BytesRate+p.BytesRate
	s.Work, s.Whole = s.Work+p.Work, s.Whole+p.Whole
	s.unknown = s.unknown || p.Share == nil
	switch p.State {
	case Running:
		s.running++
	case Done:
		s.good++
	}
}

func (s *sum) part() Part {
	p := s.Part
	p.State = Failed
	switch {
	case s.running > 0:
		p.State = Running
	case s.good > 0:
		p.State = Done
	}
	if !s.unknown {
		p.Share = share(p.Work, p.Whole, p.State == Done)
	}
	return p
}

// behind orders what has failed first, and then what is furthest behind.
func (s *sum) behind(o *sum) int {
	value := func(p Part) float64 {
		switch {
		case p.State == Failed:
			return -1
		case p.Share == nil:
			return 1
		}
		return *p.Share
	}
	return cmp.Compare(value(s.part()), value(o.part()))
}
