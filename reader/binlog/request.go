package binlog

import (
	"encoding/binary"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// What a message is about (SERVERS.md P17).
const (
	kindMetaSync        = 1
	kindTrySync         = 2
	kindBinlogSync      = 4
	kindRemoveSlaveNode = 6
)

// What a master makes of a message.
const (
	codeOK    = 1
	codeError = 2
	codeOther = 3
)

// A message is being made: fields behind the four bytes of its length.
type message []byte

func newMessage(kind uint64) message { return make(message, 4, 128).number(1, kind) }

func (m message) number(num protowire.Number, n uint64) message {
	return protowire.AppendVarint(protowire.AppendTag(m, num, protowire.VarintType), n)
}

func (m message) bytes(num protowire.Number, b []byte) message {
	return protowire.AppendBytes(protowire.AppendTag(m, num, protowire.BytesType), b)
}

func (m message) text(num protowire.Number, s string) message { return m.bytes(num, []byte(s)) }

// whole returns the message with its length.
func (m message) whole() []byte {
	binary.BigEndian.PutUint32(m, uint32(len(m)-4))
	return m
}

func slot(db int) message { return message{}.text(1, databaseName(db)).number(2, 0) }

func databaseName(db int) string { return fmt.Sprintf("db%d", db) }

func offset(p format.BinlogPosition) message {
	return message{}.number(1, uint64(p.File)).number(2, uint64(p.Offset))
}

// A node is how the master knows this replica.
type node message

func newNode(host string, port uint64) node { return node(message{}.text(1, host).number(2, port)) }

func (n node) metaSync(password string) []byte {
	m := message{}.bytes(1, n)
	if password != "" {
		m = m.text(2, password)
	}
	return newMessage(kindMetaSync).bytes(2, m).whole()
}

func (n node) trySync(from format.BinlogPosition) []byte {
	m := message{}.bytes(1, n).bytes(2, slot(from.DB)).bytes(3, offset(from))
	return newMessage(kindTrySync).bytes(3, m).whole()
}

// binlogSync acknowledges all items from one to another. The first orders what lies behind a
// position. From 0 to 0 is a sign of life.
func (n node) binlogSync(first, last format.BinlogPosition, session uint64, begin bool) []byte {
	m := message{}.bytes(1, n).text(2, databaseName(first.DB)).number(3, 0).
		bytes(4, offset(first)).bytes(5, offset(last)).number(6, session).number(7, protowire.EncodeBool(begin))
	return newMessage(kindBinlogSync).bytes(5, m).whole()
}

func (n node) removeSlaveNode(db int) []byte {
	m := message{}.bytes(1, n).bytes(2, slot(db))
	return newMessage(kindRemoveSlaveNode).bytes(6, m).whole()
}
