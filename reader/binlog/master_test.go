package binlog

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// A master is a server whose answers a test writes. A connection that it does not accept any more
// is refused.
type master struct {
	t    *testing.T
	addr string
}

// startMaster serves each connection by a function of its own, in order. What a function returns
// fails the test.
func startMaster(t *testing.T, serve ...func(*line) error) *master {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer lis.Close()
		for i, f := range serve {
			c, err := lis.Accept()
			if err != nil {
				return
			}
			if err := f(&line{c, bufio.NewReader(c)}); err != nil {
				t.Errorf("connection %d: %v", i, err)
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { lis.Close(); <-done })
	return &master{t, lis.Addr().String()}
}

// A line is the master's end of a connection.
type line struct {
	net.Conn
	r *bufio.Reader
}

func (l *line) receive() ([]byte, error) {
	var b [4]byte
	if _, err := io.ReadFull(l.r, b[:]); err != nil {
		return nil, err
	}
	m := make([]byte, binary.BigEndian.Uint32(b[:]))
	_, err := io.ReadFull(l.r, m)
	return m, err
}

// want receives a message, which must be this one.
func (l *line) want(m []byte) error {
	got, err := l.receive()
	if err != nil {
		return fmt.Errorf("waiting for %x: %w", m[4:], err)
	}
	if string(got) != string(m[4:]) {
		return fmt.Errorf("got  %x\nwant %x", got, m[4:])
	}
	return nil
}

func (l *line) send(m []byte) error {
	_, err := l.Write(m)
	return err
}

// converse receives and sends in turn: what the replica says, then the answer; nil: none.
func (l *line) converse(messages ...[]byte) error {
	for i, m := range messages {
		if m == nil {
			continue
		}
		f := l.send
		if i%2 == 0 {
			f = l.want
		}
		if err := f(m); err != nil {
			return err
		}
	}
	return nil
}

// What a master says.

func metaOK() []byte {
	info := message{}.text(1, "db0").number(2, 1)
	return newMessage(kindMetaSync).number(2, codeOK).bytes(4, message{}.number(1, 1).bytes(2, info).text(3, "run")).whole()
}

func refuse(kind, code uint64, text string) []byte {
	return newMessage(kind).number(2, code).text(3, text).whole()
}

func tried(verdict uint64, master format.BinlogPosition, session uint64) []byte {
	m := message{}.number(1, verdict).bytes(2, slot(master.DB)).bytes(3, offset(master)).number(4, session)
	return newMessage(kindTrySync).number(2, codeOK).bytes(6, m).whole()
}

func removed() []byte { return newMessage(kindRemoveSlaveNode).number(2, codeOK).whole() }

// A chip is an item, with where it ends.
type chip struct {
	end     format.BinlogPosition
	session uint64
	item    []byte
}

func items(chips ...chip) []byte {
	m := newMessage(kindBinlogSync).number(2, codeOK)
	for _, c := range chips {
		m = m.bytes(7, message{}.bytes(1, slot(c.end.DB)).bytes(2, offset(c.end)).bytes(3, c.item).number(4, c.session))
	}
	return m.whole()
}

// encode makes an item of a command.
func encode(args ...string) []byte {
	c := fmt.Appendf(nil, "*%d\r\n", len(args))
	for _, a := range args {
		c = fmt.Appendf(c, "$%d\r\n%s\r\n", len(a), a)
	}
	return header(c)
}

// header puts the header of an item before its content.
func header(content []byte) []byte {
	b := binary.LittleEndian.AppendUint16(nil, 1)
	b = binary.LittleEndian.AppendUint32(b, 1795865384) // time
	b = append(b, make([]byte, HeaderSize-10)...)
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(content))), content...)
}

func at(db int, offset int64) format.BinlogPosition {
	return format.BinlogPosition{DB: db, Offset: offset}
}

const testNode = "127.0.0.1:65001"

var testReplica = newNode("127.0.0.1", 65001)

// follow opens a session with this master.
func (m *master) follow(from ...format.BinlogPosition) (*Session, error) {
	return Dial(context.Background(), Options{Addr: m.addr, Node: testNode, From: from})
}

// mustFollow is follow that succeeds.
func (m *master) mustFollow(from ...format.BinlogPosition) *Session {
	m.t.Helper()
	s, err := m.follow(from...)
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { s.Close() })
	return s
}

// A said is a message of a transcript, with its length before it.
type said struct {
	byPika  bool
	message []byte
}

// transcript reads what a real Pika and a replica said to each other.
func transcript(t testing.TB, version string) (all []said) {
	f, err := os.Open(filepath.Join("..", "..", "testdata", "transcripts", "binlog-"+version+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for d := json.NewDecoder(f); ; {
		var m struct{ To, From, Hex string }
		switch err := d.Decode(&m); {
		case err == io.EOF:
			return all
		case err != nil:
			t.Fatal(err)
		}
		b, err := hex.DecodeString(m.Hex)
		if err != nil || len(b) > math.MaxInt32 {
			t.Fatal(err)
		}
		all = append(all, said{m.From != "", append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)})
	}
}

var versions = []string{"3.4.0", "3.5.5", "4.0.1"}
