package reader

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A batch is the commands of one pipeline, as they are sent.
type batch struct {
	b  []byte
	at []int // where each command begins
}

// keepBatch is the capacity up to which a batch is used again.
const keepBatch = 1 << 20

func (b *batch) reset() {
	if cap(b.b) > keepBatch {
		b.b = nil
	}
	b.b, b.at = b.b[:0], b.at[:0]
}

// add appends a command, whose arguments are strings, bytes and integers.
func (b *batch) add(args ...any) {
	b.at = append(b.at, len(b.b))
	b.head('*', len(args))
	for _, a := range args {
		switch a := a.(type) {
		case string:
			b.head('$', len(a))
			b.b = append(b.b, a...)
		case []byte:
			b.head('$', len(a))
			b.b = append(b.b, a...)
		case int:
			b.number(int64(a))
		case int64:
			b.number(a)
		default:
			panic("reader: an argument that is neither string nor bytes nor integer")
		}
		b.b = append(b.b, '\r', '\n')
	}
}

// head appends a line with a type and a length.
func (b *batch) head(t byte, n int) {
	b.b = strconv.AppendInt(append(b.b, t), int64(n), 10)
	b.b = append(b.b, '\r', '\n')
}

func (b *batch) number(n int64) {
	var digits [20]byte
	text := strconv.AppendInt(digits[:0], n, 10)
	b.head('$', len(text))
	b.b = append(b.b, text...)
}

// len returns how many commands there are.
func (b *batch) len() int { return len(b.at) }

// part returns the commands from, and before to, as a batch of their own that shares the bytes.
func (b *batch) part(from, to int) batch {
	end := len(b.b)
	if to < len(b.at) {
		end = b.at[to]
	}
	p := batch{b: b.b[b.at[from]:end:end]}
	for _, at := range b.at[from:to] {
		p.at = append(p.at, at-b.at[from])
	}
	return p
}

// args returns the first arguments of a command: its name, and one more if there is one.
func (b *batch) args(i int) (name string, first []byte) {
	p := parser{b: b.b, off: b.at[i]}
	n, err := p.head('*')
	if err != nil {
		return "", nil
	}
	word, err := p.bulk()
	if err == nil && n > 1 {
		first, _ = p.bulk() // what add wrote
	}
	return string(word), first
}

// plain are commands whose first argument is a number or a word, not a key.
var plain = []string{"SELECT", "INFO", "CONFIG", "SCAN", "PKSCANRANGE", "SCANX", "XINFO", "SLAVEOF"}

// name returns what of a command an error may show: its name and its key,
// never a password or value.
func (b *batch) name(i int) string {
	name, first := b.args(i)
	switch {
	case name == "AUTH" || first == nil:
		return name
	case slices.Contains(plain, name):
		return name + " " + string(bytes.ToValidUTF8(first, []byte("?")))
	}
	return name + " " + quoteKey(first)
}

// names says what was asked: a Pika answers a pipeline only when all of it is done, so that any of
// its commands may be the one that hangs.
func (b *batch) names() string {
	if b.len() == 1 {
		return b.name(0)
	}
	var names []string
	for i := range b.at {
		if name, _ := b.args(i); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return fmt.Sprintf("one of %d commands (%s), the last of them %s", b.len(), strings.Join(names, ", "), b.name(b.len()-1))
}
