package binlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
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
// left.
func (p *itemParser) parse(behind int, at format.BinlogPosition) (*Item, error) {
	p.behind, p.at = behind, at
	p.text, p.ends = p.text[:0], p.ends[:0]
	p.item = Item{Start: at, Size: p.in.left - behind, Names: p.item.Names[:0]}
	err := p.head()
	var c command
	if err == nil {
		c, err = p.command()
	}
	switch {
	case errors.Is(err, errItem), errors.Is(err, errMessage):
		return nil, &ItemError{at, err}
	case err != nil:
		return nil, err
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
	return &p.item, p.told(c)
}

// head reads what is before the command.
func (p *itemParser) head() error {
	if p.item.Size < HeaderSize {
		return fmt.Errorf("%w: %d bytes", errItem, p.item.Size)
	}
	if err := p.in.read(p.item.Header[:]); err != nil {
		return err
	}
	if kind := binary.LittleEndian.Uint16(p.item.Header[:]); kind != 1 {
		return fmt.Errorf("%w: type %d", errItem, kind)
	}
	if n := binary.LittleEndian.Uint32(p.item.Header[30:]); int64(n) != int64(p.item.Size-HeaderSize) {
		return fmt.Errorf("%w: a command of %d bytes in %d", errItem, n, p.item.Size-HeaderSize)
	}
	p.item.Time = time.Unix(int64(binary.LittleEndian.Uint32(p.item.Header[2:])), 0)
	return nil
}

// command reads a command and its names.
func (p *itemParser) command() (c command, err error) {
	n, err := p.length('*', maxArguments)
	if err == nil && n == 0 {
		err = fmt.Errorf("%w: nothing", errItem)
	}
	if err != nil {
		return c, err
	}
	if c, err = p.find(n); err != nil {
		return c, err
	}
	for i := 1; i < n && err == nil; i++ {
		err = p.argument(c.keeps(i, n))
	}
	if err == nil && p.in.left != p.behind {
		err = fmt.Errorf("%w: %d bytes behind the command", errItem, p.in.left-p.behind)
	}
	return c, err
}

// find reads the name of a command of n arguments, which includes it, and looks for it in the
// table.
func (p *itemParser) find(n int) (command, error) {
	size, err := p.length('$', maxCommand)
	if err != nil {
		return command{}, err
	}
	verb := p.verb[:size]
	if err := p.in.read(verb); err != nil {
		return command{}, err
	}
	for i, b := range verb {
		if 'A' <= b && b <= 'Z' { // 3.5+ logs RPOP and LPUSH of an RPOPLPUSH so
			verb[i] += 'a' - 'A'
		}
	}
	c, ok := commands[string(verb)]
	switch {
	case !ok:
		name := strings.ToValidUTF8(string(verb), "?")
		return c, &CommandError{name, p.at, fmt.Sprintf("command %q is not known, so neither are the keys that it wrote: find them by a comparison with pikadump dump --base, and report the command and the version of the source", name)}
	case c.naming != naming{} && !c.naming.complete(n):
		return c, fmt.Errorf("%w: %s with %d arguments", errItem, c.name, n-1)
	}
	p.item.Command = c.name
	return c, p.lineEnd()
}

// argument reads an argument, and keeps it if it is a name.
func (p *itemParser) argument(keep bool) error {
	n, err := p.length('$', maxMessage)
	if err != nil {
		return err
	}
	switch {
	case !keep:
		err = p.in.discard(n)
	case len(p.text)+n+nameCost*(len(p.ends)+1) > p.maxNames:
		return &ItemError{p.at, fmt.Errorf("the names of a %s take more than %d bytes", p.item.Command, p.maxNames)}
	default:
		err = p.name(n)
	}
	if err != nil {
		return err
	}
	return p.lineEnd()
}

// nameStep is how much memory is taken for a name before its bytes arrive.
const nameStep = 64 << 10

// name keeps the next n bytes.
func (p *itemParser) name(n int) error {
	for n > 0 {
		from, step := len(p.text), min(n, nameStep)
		p.text = slices.Grow(p.text, step)[:from+step]
		if err := p.in.read(p.text[from:]); err != nil {
			return err
		}
		n -= step
	}
	p.ends = append(p.ends, len(p.text))
	return nil
}

// told returns why the item does not tell which keys it wrote; nil: it does.
func (p *itemParser) told(c command) error {
	if c.loses == losesNothing {
		return nil
	}
	command := string(bytes.Join(append([][]byte{[]byte(c.name)}, p.item.Names...), []byte(" ")))
	text := command + " deleted all keys of the database (of one type, if it names one): make a new base with pikadump dump, or compare with pikadump dump --base"
	if c.loses == losesPattern {
		text = fmt.Sprintf("%q deleted keys that the binlog does not name: find them by a comparison with pikadump dump --base", command)
	}
	return &CommandError{command, p.at, text}
}

// length reads a line of RESP: a sign and a number.
func (p *itemParser) length(sign byte, limit int) (int, error) {
	b, err := p.in.byte()
	if err != nil {
		return 0, err
	}
	if b != sign {
		return 0, fmt.Errorf("%w: %q where %q is expected", errItem, b, sign)
	}
	n, digits := 0, 0
	for ; ; digits++ {
		if b, err = p.in.byte(); err != nil {
			return 0, err
		}
		if b < '0' || b > '9' || digits == 10 {
			break
		}
		n = n*10 + int(b-'0')
	}
	if b != '\r' || digits == 0 || n > limit {
		return 0, fmt.Errorf("%w: length %d… behind %q", errItem, n, sign)
	}
	if b, err = p.in.byte(); err != nil {
		return 0, err
	}
	if b != '\n' || n > p.in.left-p.behind {
		return 0, fmt.Errorf("%w: length %d in %d bytes", errItem, n, p.in.left-p.behind)
	}
	return n, nil
}

// lineEnd reads the end of a line.
func (p *itemParser) lineEnd() error {
	for _, want := range []byte("\r\n") {
		if b, err := p.in.byte(); err != nil {
			return err
		} else if b != want {
			return fmt.Errorf("%w: %q where a line should end", errItem, b)
		}
	}
	return nil
}
