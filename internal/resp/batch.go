package resp

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Batch is the commands of one pipeline, as they are sent.
type Batch struct {
	b  []byte
	at []int // where each command begins
}

// keepBatch is the capacity up to which a batch is used again.
const keepBatch = 1 << 20

// Reset empties the batch.
func (b *Batch) Reset() {
	if cap(b.b) > keepBatch {
		b.b = nil
	}
	b.b, b.at = b.b[:0], b.at[:0]
}

// Add appends a command, whose arguments are strings, bytes and integers.
func (b *Batch) Add(args ...any) {
	b.at = append(b.at, len(b.b))
	b.b = AppendHead(b.b, '*', len(args))
	for _, a := range args {
		b.b = appendArgument(b.b, a)
	}
}

// appendArgument appends an argument that is a string, bytes or an integer.
func appendArgument(dst []byte, arg any) []byte {
	switch arg := arg.(type) {
	case string:
		return AppendBulk(dst, arg)
	case []byte:
		return AppendBulk(dst, arg)
	case int:
		return appendNumber(dst, int64(arg))
	case int64:
		return appendNumber(dst, arg)
	}
	panic("resp: an argument that is neither string nor bytes nor integer")
}

// AppendHead appends a line with a type and a length.
func AppendHead(dst []byte, t byte, n int) []byte {
	return append(strconv.AppendInt(append(dst, t), int64(n), 10), "\r\n"...)
}

// AppendBulk appends an argument.
func AppendBulk[T []byte | string](dst []byte, v T) []byte {
	return append(append(AppendHead(dst, '$', len(v)), v...), "\r\n"...)
}

func appendNumber(dst []byte, n int64) []byte {
	var digits [20]byte
	return AppendBulk(dst, strconv.AppendInt(digits[:0], n, 10))
}

// Bytes returns the batch as it is sent.
func (b *Batch) Bytes() []byte { return b.b }

// Len returns how many commands there are.
func (b *Batch) Len() int { return len(b.at) }

// Part returns the commands from, and before to, as a batch of their own that shares the bytes.
func (b *Batch) Part(from, to int) Batch {
	end := len(b.b)
	if to < len(b.at) {
		end = b.at[to]
	}
	p := Batch{b: b.b[b.at[from]:end:end]}
	for _, at := range b.at[from:to] {
		p.at = append(p.at, at-b.at[from])
	}
	return p
}

// args returns the first arguments of a command: its name, and one more if there is one.
func (b *Batch) args(i int) (name string, first []byte) {
	p := Replies{b: b.b, off: b.at[i]}
	n := p.head('*')
	if name = string(p.Bulk()); n > 1 {
		first = p.Bulk()
	}
	return name, first
}

// plain are commands whose first argument is a number or a word, not a key.
var plain = []string{"SELECT", "INFO", "CONFIG", "SCAN", "PKSCANRANGE", "SCANX", "XINFO", "SLAVEOF"}

// Name returns what of a command an error may show: its name and its key,
// never a password or value.
func (b *Batch) Name(i int) string {
	name, first := b.args(i)
	switch {
	case name == "AUTH" || first == nil:
		return name
	case slices.Contains(plain, name):
		return name + " " + string(bytes.ToValidUTF8(first, []byte("?")))
	}
	return name + " " + Quote(first)
}

// Names says what was asked: a Pika answers a pipeline only when all of it is done, so that any of
// its commands may be the one that hangs.
func (b *Batch) Names() string {
	if b.Len() == 1 {
		return b.Name(0)
	}
	var names []string
	for i := range b.at {
		if name, _ := b.args(i); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return fmt.Sprintf("one of the pipeline of %d (%s), the last of them %s", b.Len(), strings.Join(names, ", "), b.Name(b.Len()-1))
}
