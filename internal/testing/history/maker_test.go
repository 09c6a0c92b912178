package history

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// A maker makes values.
type maker struct {
	dice  *rand.Rand
	fresh int // makes elements different
}

// value draws a value of n elements.
func (m *maker) value(kind format.Kind, n, size int) *value {
	v := &value{kind: kind}
	if kind == format.String {
		v.text = m.text(n * size)
		return v
	}
	for range n {
		e := m.element(kind, size)
		if kind == format.Stream {
			v.state.LastID = format.StreamID{Ms: v.state.LastID.Ms + 1, Seq: uint64(m.dice.IntN(3))}
			e.name = v.state.LastID.String()
			v.state.EntriesAdded++
		}
		v = v.with(e)
	}
	return v
}

// element draws a new element.
func (m *maker) element(kind format.Kind, size int) element {
	m.fresh++
	name := fmt.Sprintf("%c%c%05d", 'a'+m.dice.IntN(26), 'a'+m.dice.IntN(26), m.fresh)
	switch kind {
	case format.Hash:
		return element{name, m.text(size)}
	case format.Zset:
		return element{name + m.text(size), score(float64(m.dice.IntN(100)) / 4)}
	case format.List:
		return element{value: name + m.text(size)}
	case format.Stream:
		return element{value: joined([]string{"f", m.text(size)})}
	}
	return element{name: name + m.text(size)}
}

// text draws up to about n bytes.
func (m *maker) text(n int) string {
	if n = m.dice.IntN(n + 1); m.dice.IntN(4) == 0 {
		return strings.Repeat("all the same ", n/13+1)
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(m.dice.IntN(256))
	}
	return string(b)
}
