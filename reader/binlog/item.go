package binlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// An Item is a command that the master ran.
type Item struct {
	// Position is behind the item, where the next one begins, with its database.
	Position format.BinlogPosition
	// Start is where it begins: where the one before it ends.
	Start format.BinlogPosition
	// Header is what the item has before the command. It is as the master wrote it, with the time.
	Header [HeaderSize]byte
	// Time is when the master ran it, by its clock, in whole seconds.
	Time time.Time
	// Command is in lower case.
	Command string
	// Names are the keys that it may have written, valid until the next call of [Session.Next].
	// None: it wrote none.
	Names [][]byte
	// Size is what the item takes of the binlog.
	Size int
}

// HeaderSize is that of an item: type, time, term, logical id, file, offset, length of the command.
const HeaderSize = 34

// maxArguments is beyond what a Pika takes in one command, whose 512 MiB hold no more than this.
const maxArguments = 128 << 20

// nameCost is what a name takes beside its bytes.
const nameCost = 24 + 8

var errItem = errors.New("no item that a Pika writes to its binlog")

// An itemParser reads items. It keeps names only.
type itemParser struct {
	in       *input
	maxNames int
	behind   int                   // what is left of the message behind the item
	at       format.BinlogPosition // where the item begins
	verb     [maxCommand]byte
	text     []byte // of all names together
	ends     []int  // where each name ends in text
	item     Item
}

// parse reads an item that begins at a position, and ends where behind bytes of the message are
// left. It returns nil if the input has failed.
func (p *itemParser) parse(behind int, at format.BinlogPosition) *Item {
	p.behind, p.at = behind, at
	p.text, p.ends = p.text[:0], p.ends[:0]
	p.item = Item{Start: at, Size: p.in.left - behind, Names: p.item.Names[:0]}
	p.head()
	c := p.command()
	if err := p.in.err; errors.Is(err, errItem) || errors.Is(err, errMessage) {
		p.in.err = &ItemError{at, err}
	}
	if p.in.err != nil {
		return nil
	}
	from := 0
	for _, end := range p.ends {
		p.item.Names = append(p.item.Names, p.text[from:end:end])
		from = end
	}
	if c.name == "bitop" { // 3.4 writes under the name up to a NUL, and logs all of it (SERVERS.md P19)
		for _, name := range p.item.Names {
			if i := bytes.IndexByte(name, 0); i >= 0 {
				p.item.Names = append(p.item.Names, name[:i:i])
			}
		}
	}
	p.in.fail(p.told(c))
	return &p.item
}

// malformed notes that no Pika writes this.
func (p *itemParser) malformed(format string, args ...any) {
	p.in.fail(fmt.Errorf("%w: %s", errItem, fmt.Sprintf(format, args...)))
}

// head reads what is before the command.
func (p *itemParser) head() {
	if p.item.Size < HeaderSize {
		p.malformed("%d bytes", p.item.Size)
	}
	p.in.read(p.item.Header[:])
	if kind := binary.LittleEndian.Uint16(p.item.Header[:]); kind != 1 {
		p.malformed("type %d", kind)
	}
	if n := binary.LittleEndian.Uint32(p.item.Header[30:]); int64(n) != int64(p.item.Size-HeaderSize) {
		p.malformed("a command of %d bytes in %d", n, p.item.Size-HeaderSize)
	}
	p.item.Time = time.Unix(int64(binary.LittleEndian.Uint32(p.item.Header[2:])), 0)
}

// command reads a command and its names.
func (p *itemParser) command() command {
	n := p.length('*', maxArguments)
	if n == 0 {
		p.malformed("nothing")
	}
	c := p.find(n)
	for i := 1; i < n && p.in.err == nil; i++ {
		p.argument(c.keeps(i, n))
	}
	if p.in.left != p.behind {
		p.malformed("%d bytes behind the command", p.in.left-p.behind)
	}
	return c
}

// argument reads an argument, and keeps it if it is a name.
func (p *itemParser) argument(keep bool) {
	n := p.length('$', maxMessage)
	switch {
	case !keep:
		p.in.discard(n)
	case len(p.text)+n+nameCost*(len(p.ends)+1) > p.maxNames:
		p.in.fail(&ItemError{p.at, fmt.Errorf("the names of a %s take more than %d bytes", p.item.Command, p.maxNames)})
	default:
		p.name(n)
	}
	p.lineEnd()
}

// nameStep is how much memory is taken for a name before its bytes arrive.
const nameStep = 64 << 10

// name keeps the next n bytes.
func (p *itemParser) name(n int) {
	for n > 0 && p.in.err == nil {
		from, step := len(p.text), min(n, nameStep)
		p.text = slices.Grow(p.text, step)[:from+step]
		p.in.read(p.text[from:])
		n -= step
	}
	p.ends = append(p.ends, len(p.text))
}

// length reads a line of RESP: a sign and a number, which the item must have room for. It is 0 if
// the input has failed.
func (p *itemParser) length(sign byte, limit int) int {
	if b := p.in.byte(); b != sign {
		p.malformed("%q where %q is expected", b, sign)
	}
	b, n, digits := p.in.byte(), 0, 0
	for ; '0' <= b && b <= '9' && digits < 10; digits++ {
		n = n*10 + int(b-'0')
		b = p.in.byte()
	}
	if b != '\r' || digits == 0 || n > limit {
		p.malformed("length %d… behind %q", n, sign)
	}
	if p.in.byte() != '\n' || n > p.in.left-p.behind {
		p.malformed("length %d in %d bytes", n, p.in.left-p.behind)
	}
	if p.in.err != nil {
		return 0
	}
	return n
}

func (p *itemParser) lineEnd() {
	for _, want := range []byte("\r\n") {
		if b := p.in.byte(); b != want {
			p.malformed("%q where a line should end", b)
		}
	}
}
