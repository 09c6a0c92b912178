package binlog

import (
	"bufio"
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
// program wants to hold.
type input struct {
	r    *bufio.Reader
	left int // bytes of the message that were not read yet
}

func newInput(r io.Reader) *input { return &input{r: bufio.NewReaderSize(r, readBuffer)} }

// begin reads the length of the next message.
func (in *input) begin() error {
	var b [4]byte
	if _, err := io.ReadFull(in.r, b[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(b[:])
	if n > maxMessage {
		return fmt.Errorf("%w: %d bytes", errMessage, n)
	}
	in.left = int(n)
	return nil
}

// take accounts for n bytes that are about to be read.
func (in *input) take(n int) error {
	if n < 0 || n > in.left {
		return fmt.Errorf("%w: it ends in the middle of a field", errMessage)
	}
	in.left -= n
	return nil
}

func (in *input) byte() (byte, error) {
	if err := in.take(1); err != nil {
		return 0, err
	}
	return in.r.ReadByte()
}

// varint reads a number.
func (in *input) varint() (uint64, error) {
	var n uint64
	for shift := 0; shift < 64; shift += 7 {
		b, err := in.byte()
		if err != nil {
			return 0, err
		}
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n, nil
		}
	}
	return 0, fmt.Errorf("%w: a number of more than 64 bits", errMessage)
}

// field reads the number and the type of the next field.
func (in *input) field() (protowire.Number, protowire.Type, error) {
	tag, err := in.varint()
	if err != nil {
		return 0, 0, err
	}
	num, typ := protowire.DecodeTag(tag)
	if !num.IsValid() {
		return 0, 0, fmt.Errorf("%w: field %d", errMessage, num)
	}
	return num, typ, nil
}

// length reads the length of a field, and returns what is left of the message behind the field.
func (in *input) length(typ protowire.Type) (behind int, err error) {
	if typ != protowire.BytesType {
		return 0, fmt.Errorf("%w: a field of type %d where bytes are expected", errMessage, typ)
	}
	n, err := in.varint()
	if err != nil {
		return 0, err
	}
	if n > uint64(in.left) {
		return 0, fmt.Errorf("%w: a field of %d bytes in a message that has %d", errMessage, n, in.left)
	}
	return in.left - int(n), nil
}

// number reads a field that is a number, no greater than limit.
func (in *input) number(typ protowire.Type, limit uint64) (uint64, error) {
	if typ != protowire.VarintType {
		return 0, fmt.Errorf("%w: a field of type %d where a number is expected", errMessage, typ)
	}
	n, err := in.varint()
	if err == nil && n > limit {
		return 0, fmt.Errorf("%w: number %d", errMessage, n)
	}
	return n, err
}

// bytes reads a short field.
func (in *input) bytes(typ protowire.Type) ([]byte, error) {
	behind, err := in.length(typ)
	if err != nil {
		return nil, err
	}
	if n := in.left - behind; n > maxControl {
		return nil, fmt.Errorf("%w: a field of %d bytes", errMessage, n)
	}
	b := make([]byte, in.left-behind)
	return b, in.read(b)
}

// read fills b.
func (in *input) read(b []byte) error {
	if err := in.take(len(b)); err != nil {
		return err
	}
	_, err := io.ReadFull(in.r, b)
	return err
}

// discard passes over n bytes.
func (in *input) discard(n int) error {
	if err := in.take(n); err != nil {
		return err
	}
	_, err := in.r.Discard(n)
	return err
}

// skip passes over a field.
func (in *input) skip(typ protowire.Type) error {
	switch typ {
	case protowire.VarintType:
		_, err := in.varint()
		return err
	case protowire.Fixed32Type:
		return in.discard(4)
	case protowire.Fixed64Type:
		return in.discard(8)
	}
	behind, err := in.length(typ)
	if err != nil {
		return err
	}
	return in.discard(in.left - behind)
}

// offset reads a position in a binlog. What else is in it is of no use to a replica that does not
// vote.
func (in *input) offset(typ protowire.Type) (file, offset int64, err error) {
	behind, err := in.length(typ)
	for err == nil && in.left > behind {
		var n uint64
		num, typ, e := in.field()
		switch {
		case e != nil:
			err = e
		case num == 1:
			n, err = in.number(typ, maxFile)
			file = int64(n)
		case num == 2:
			n, err = in.number(typ, math.MaxInt64)
			offset = int64(n)
		default:
			err = in.skip(typ)
		}
	}
	return file, offset, in.ends(behind, err)
}

// maxFile is the greatest number of a binlog file.
const maxFile = math.MaxUint32

// database reads the number of the database in a Slot.
func (in *input) database(typ protowire.Type) (db int, err error) {
	behind, err := in.length(typ)
	db = -1
	for err == nil && in.left > behind {
		num, typ, e := in.field()
		switch {
		case e != nil:
			err = e
		case num == 1:
			db, err = in.databaseName(typ)
		default:
			err = in.skip(typ)
		}
	}
	if err == nil && db < 0 {
		err = fmt.Errorf("%w: an item without a database", errMessage)
	}
	return db, in.ends(behind, err)
}

// databaseName reads a name like "db0".
func (in *input) databaseName(typ protowire.Type) (db int, err error) {
	behind, err := in.length(typ)
	if n := in.left - behind; err == nil && (n < 3 || n > maxDatabaseName) {
		err = fmt.Errorf("%w: a database whose name has %d bytes", errMessage, n)
	}
	for i := 0; err == nil && in.left > behind; i++ {
		var b byte
		b, err = in.byte()
		switch {
		case err != nil:
		case i >= 2 && '0' <= b && b <= '9':
			db = db*10 + int(b-'0')
		case i >= 2 || b != "db"[i]:
			err = fmt.Errorf("%w: a database whose name is not db and a number", errMessage)
		}
	}
	return db, err
}

// maxDatabaseName is longer than the name of any database.
const maxDatabaseName = 8

// ends checks that a field which was read by its parts ended where it should.
func (in *input) ends(behind int, err error) error {
	if err == nil && in.left != behind {
		return fmt.Errorf("%w: a field is longer than what it is in", errMessage)
	}
	return err
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
		if err := in.discard(in.left); err != nil {
			return reply{}, err
		}
		if err := in.begin(); err != nil {
			return reply{}, err
		}
		r, err := in.readReply()
		if err != nil || r.kind == kind {
			return r, err
		}
		if r.kind != kindBinlogSync {
			return r, fmt.Errorf("%w: type %d where %d is expected", errMessage, r.kind, kind)
		}
	}
}

func (in *input) readReply() (r reply, err error) {
	for in.left > 0 {
		num, typ, err := in.field()
		if err != nil {
			return r, err
		}
		switch num {
		case 1:
			r.kind, err = in.number(typ, math.MaxInt32)
		case 2:
			r.code, err = in.number(typ, math.MaxInt32)
		case 3:
			var b []byte
			b, err = in.bytes(typ)
			r.text = strings.ToValidUTF8(string(b), "?")
		case 4:
			r.meta, err = in.bytes(typ)
		case 6:
			r.try, err = in.bytes(typ)
		default:
			err = in.skip(typ)
		}
		if err != nil {
			return r, err
		}
	}
	return r, nil
}
