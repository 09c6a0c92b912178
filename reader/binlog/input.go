package binlog

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// readBuffer is what is read ahead of a connection. Nothing else of a message is kept but names.
const readBuffer = 64 << 10

// maxMessage is the greatest message: Pika's own limit is 512 MiB (SERVERS.md P17).
const maxMessage = 1 << 30

// maxControl is the greatest field of a message that is kept whole: what a master says of itself.
const maxControl = 1 << 20

var errMessage = errors.New("no message that a Pika sends its replicas")

// An input reads messages field by field, as they arrive: a message can be larger than what a
// program wants to hold. After an error it reads nothing more, and what it gives means nothing:
// nobody uses that without having looked at err.
type input struct {
	r    *bufio.Reader
	left int   // bytes of the message that were not read yet
	err  error // the first
}

func newInput(r io.Reader) *input { return &input{r: bufio.NewReaderSize(r, readBuffer)} }

// inputOf returns an input of a message that is there.
func inputOf(b []byte) *input { return &input{r: bufio.NewReader(bytes.NewReader(b)), left: len(b)} }

// fail notes an error; nil is none.
func (in *input) fail(err error) {
	if in.err == nil {
		in.err = err
	}
}

// malformed notes that no Pika sends this.
func (in *input) malformed(format string, args ...any) {
	in.fail(fmt.Errorf("%w: %s", errMessage, fmt.Sprintf(format, args...)))
}

// more reports whether there is more of a field, behind which so many bytes of the message are
// left.
func (in *input) more(behind int) bool { return in.err == nil && in.left > behind }

// begin reads the length of the next message.
func (in *input) begin() {
	var b [4]byte
	in.left = len(b)
	in.read(b[:])
	n := binary.BigEndian.Uint32(b[:])
	if n > maxMessage {
		in.malformed("%d bytes", n)
	}
	if in.err == nil {
		in.left = int(n)
	}
}

// take accounts for n bytes that are about to be read, and reports whether they may be.
func (in *input) take(n int) bool {
	if n < 0 || n > in.left {
		in.malformed("it ends in the middle of a field")
	}
	if in.err != nil {
		return false
	}
	in.left -= n
	return true
}

func (in *input) byte() (b byte) {
	if in.take(1) {
		var err error
		b, err = in.r.ReadByte()
		in.fail(err)
	}
	return b
}

func (in *input) varint() (n uint64) {
	for shift := 0; shift < 64; shift += 7 {
		b := in.byte()
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
	in.malformed("a number of more than 64 bits")
	return 0
}

// field reads the number and the type of the next field.
func (in *input) field() (protowire.Number, protowire.Type) {
	num, typ := protowire.DecodeTag(in.varint())
	if !num.IsValid() {
		in.malformed("field %d", num)
	}
	return num, typ
}

// length reads the length of a field, and returns what is left of the message behind the field.
func (in *input) length(typ protowire.Type) (behind int) {
	if typ != protowire.BytesType {
		in.malformed("a field of type %d where bytes are expected", typ)
	}
	n := in.varint()
	if n > uint64(in.left) {
		in.malformed("a field of %d bytes in a message that has %d", n, in.left)
	}
	if in.err != nil {
		return in.left
	}
	return in.left - int(n)
}

// number reads a field that is a number, no greater than limit.
func (in *input) number(typ protowire.Type, limit uint64) uint64 {
	if typ != protowire.VarintType {
		in.malformed("a field of type %d where a number is expected", typ)
	}
	n := in.varint()
	if n > limit {
		in.malformed("number %d", n)
	}
	return n
}

// bytes reads a short field.
func (in *input) bytes(typ protowire.Type) []byte {
	behind := in.length(typ)
	n := in.left - behind
	if n > maxControl {
		in.malformed("a field of %d bytes", n)
	}
	if in.err != nil {
		return nil
	}
	b := make([]byte, n)
	in.read(b)
	return b
}

func (in *input) read(b []byte) {
	if in.take(len(b)) {
		_, err := io.ReadFull(in.r, b)
		in.fail(err)
	}
}

func (in *input) discard(n int) {
	if in.take(n) {
		_, err := in.r.Discard(n)
		in.fail(err)
	}
}

func (in *input) skip(typ protowire.Type) {
	switch typ {
	case protowire.VarintType:
		in.varint()
	case protowire.Fixed32Type:
		in.discard(4)
	case protowire.Fixed64Type:
		in.discard(8)
	default:
		behind := in.length(typ)
		in.discard(in.left - behind)
	}
}

// offset reads a position in a binlog. What else is in it is of no use to a replica that does not
// vote.
func (in *input) offset(typ protowire.Type) (file, offset int64) {
	behind := in.length(typ)
	for in.more(behind) {
		switch num, typ := in.field(); num {
		case 1:
			file = int64(in.number(typ, maxFile))
		case 2:
			offset = int64(in.number(typ, math.MaxInt64))
		default:
			in.skip(typ)
		}
	}
	in.ends(behind)
	return file, offset
}

// maxFile is the greatest number of a binlog file.
const maxFile = math.MaxUint32

// database reads the number of the database in a Slot.
func (in *input) database(typ protowire.Type) int {
	behind, db := in.length(typ), -1
	for in.more(behind) {
		if num, typ := in.field(); num == 1 {
			db = in.databaseName(typ)
		} else {
			in.skip(typ)
		}
	}
	if db < 0 {
		in.malformed("an item without a database")
	}
	in.ends(behind)
	return db
}

// databaseName reads a name like "db0".
func (in *input) databaseName(typ protowire.Type) (db int) {
	behind := in.length(typ)
	if n := in.left - behind; n < 3 || n > maxDatabaseName {
		in.malformed("a database whose name has %d bytes", n)
	}
	for i := 0; in.more(behind); i++ {
		switch b := in.byte(); {
		case i >= 2 && '0' <= b && b <= '9':
			db = db*10 + int(b-'0')
		case i >= 2 || b != "db"[i]:
			in.malformed("a database whose name is not db and a number")
		}
	}
	return db
}

// maxDatabaseName is longer than the name of any database.
const maxDatabaseName = 8

// ends checks that a field which was read by its parts ended where it should.
func (in *input) ends(behind int) {
	if in.left != behind {
		in.malformed("a field is longer than what it is in")
	}
}

// A reply is what a master says, but for items.
type reply struct {
	kind, code uint64
	text       string
	meta, try  []byte
}

// reply reads the next message that is of this kind. Items that come before it are passed over:
// they are those of a session that ends.
func (in *input) reply(kind uint64) (reply, error) {
	for {
		in.discard(in.left)
		in.begin()
		r := in.readReply()
		if r.kind != kind && r.kind != kindBinlogSync {
			in.malformed("type %d where %d is expected", r.kind, kind)
		}
		if in.err != nil || r.kind == kind {
			return r, in.err
		}
	}
}

func (in *input) readReply() (r reply) {
	for in.more(0) {
		switch num, typ := in.field(); num {
		case 1:
			r.kind = in.number(typ, math.MaxInt32)
		case 2:
			r.code = in.number(typ, math.MaxInt32)
		case 3:
			r.text = strings.ToValidUTF8(string(in.bytes(typ)), "?")
		case 4:
			r.meta = in.bytes(typ)
		case 6:
			r.try = in.bytes(typ)
		default:
			in.skip(typ)
		}
	}
	return r
}
