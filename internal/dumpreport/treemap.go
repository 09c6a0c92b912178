package dumpreport

import (
	"cmp"
	"math"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/internal/columns"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/stats"
)

// A box is a rectangle of a treemap.
type box struct{ X, Y, W, H float64 }

// squarify divides an area among sizes, which are in falling order, in boxes that are as square as
// can be (Bruls, Huizing, van Wijk: Squarified Treemaps, 2000).
func squarify(sizes []float64, in box) []box {
	whole := 0.0
	for _, s := range sizes {
		whole += s
	}
	if whole <= 0 || in.W <= 0 || in.H <= 0 {
		return make([]box, len(sizes))
	}
	scale := in.W * in.H / whole
	var boxes []box
	for len(sizes) > 0 {
		side := min(in.W, in.H)
		n, sum := 1, sizes[0]*scale
		for n < len(sizes) && worst(sizes[:n+1], scale, sum+sizes[n]*scale, side) <= worst(sizes[:n], scale, sum, side) {
			sum += sizes[n] * scale
			n++
		}
		boxes = append(boxes, row(sizes[:n], scale, sum, &in)...)
		sizes = sizes[n:]
	}
	return boxes
}

// worst returns the largest ratio of the sides of a row's boxes.
func worst(sizes []float64, scale, sum, side float64) float64 {
	large, small := sizes[0]*scale, sizes[len(sizes)-1]*scale
	if small <= 0 || sum <= 0 {
		return 1e9
	}
	return max(side*side*large/(sum*sum), sum*sum/(side*side*small))
}

// row takes a row of boxes from an area, along its shorter side.
func row(sizes []float64, scale, sum float64, in *box) (boxes []box) {
	thick, at := sum/min(in.W, in.H), *in
	for _, s := range sizes {
		long := s * scale / max(thick, 1e-9)
		if in.W >= in.H {
			boxes = append(boxes, box{in.X, at.Y, thick, long})
			at.Y += long
		} else {
			boxes = append(boxes, box{at.X, in.Y, long, thick})
			at.X += long
		}
	}
	if in.W >= in.H {
		in.X, in.W = in.X+thick, in.W-thick
	} else {
		in.Y, in.H = in.Y+thick, in.H-thick
	}
	return boxes
}

// A treemap shows prefixes as boxes as large as their bytes, and in each those below it.
type treemap struct {
	Class string
	W, H  float64
	Cells []mapCell
}

type mapCell struct {
	box
	Class, Title string
	Label, Size  *label // nil: there is no room
}

type label struct {
	X, Y        float64
	Text, Class string
}

const mostCells = 300

// Treemap returns the treemap of the prefixes; nil: there is nothing to show.
func (m *maker) Treemap() *pair[treemap] {
	if m.s.Bytes == 0 || len(m.s.Names.Prefixes) == 0 {
		return nil
	}
	at := func(class string, w, h float64) treemap {
		t := treemap{Class: class, W: w, H: h}
		m.divide(&t, m.s.Names.Prefixes, m.s.Counts, box{0, 0, w, h}, 0)
		return t
	}
	wide := at("wide", 1060, 440)
	if len(wide.Cells) < 2 {
		return nil
	}
	return &pair[treemap]{wide, at("narrow", 372, 480)}
}

// divide puts prefixes, and as one box what is not among them, into a part of a treemap.
func (m *maker) divide(t *treemap, all []stats.Prefix, whole stats.Counts, in box, depth int) {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b stats.Prefix) int { return cmp.Compare(b.Bytes, a.Bytes) })
	rest := whole
	for _, p := range all {
		rest.Keys, rest.Bytes = rest.Keys-p.Keys, rest.Bytes-p.Bytes
	}
	at := -1 // of the rest
	if rest.Bytes > 0 {
		if at = slices.IndexFunc(all, func(p stats.Prefix) bool { return p.Bytes < rest.Bytes }); at < 0 {
			at = len(all)
		}
		all = slices.Insert(all, at, stats.Prefix{Counts: rest})
	}
	sizes := make([]float64, len(all))
	for i, p := range all {
		sizes[i] = float64(p.Bytes)
	}
	for i, b := range squarify(sizes, in) {
		p := all[i]
		class, title := m.dominant(p), shown(p.Prefix)
		on := "label"
		if i == at {
			if depth > 0 {
				continue // the box around it shows
			}
			class, title, on = "rest", m.say("others"), "label rest"
		}
		if len(t.Cells) == mostCells || b.W < 1 || b.H < 1 {
			continue
		}
		c := mapCell{box: rounded(b), Class: class + " cell", Title: m.say("%s: %s, %s, %s", title, m.count(p.Keys, "key", "keys"), progress.Bytes(p.Bytes), share(p.Bytes, m.s.Bytes))}
		inner := box{b.X + 3, b.Y + 20, b.W - 6, b.H - 23}
		nested := len(p.Below) > 1 && depth < 2 && inner.W > 30 && inner.H > 24
		c.Label = newLabel(b, title, on, 14)
		if size := progress.Bytes(p.Bytes); c.Label != nil && !nested {
			if c.Size = newLabel(b, size, on, 30); c.Size != nil && c.Size.Text != size {
				c.Size = nil
			}
		}
		t.Cells = append(t.Cells, c)
		if nested {
			m.divide(t, p.Below, p.Counts, inner, depth+1)
		}
	}
}

// dominant is the type of most of a prefix's keys.
func (m *maker) dominant(p stats.Prefix) (name string) {
	most := int64(0)
	for _, k := range m.groups(typeOf) {
		if n := p.Types[k.name]; n > most {
			name, most = k.name, n
		}
	}
	return name
}

// columnWidth is about how wide a character of a label is; of wide scripts it is twice that.
const columnWidth = 6.8

// newLabel returns a text in a box, cut to its width; nil: there is no room for it.
func newLabel(b box, text, class string, down float64) *label {
	room := int((b.W - 10) / columnWidth)
	if b.H < down+5 || room < 4 {
		return nil
	}
	return &label{oneDigit(b.X + 5), oneDigit(b.Y + down), columns.Cut(text, room), class}
}

func rounded(b box) box { return box{oneDigit(b.X), oneDigit(b.Y), oneDigit(b.W), oneDigit(b.H)} }

func oneDigit(f float64) float64 { return math.Round(10*f) / 10 }
