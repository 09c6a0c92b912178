package binlog

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// A wire is a connection on which everything has arrived already, and that forgets what is sent.
type wire struct {
	net.Conn
	r io.Reader
}

func (w wire) Read(b []byte) (int, error)     { return w.r.Read(b) }
func (wire) Write(b []byte) (int, error)      { return len(b), nil }
func (wire) SetReadDeadline(time.Time) error  { return nil }
func (wire) SetWriteDeadline(time.Time) error { return nil }
func (wire) Close() error                     { return nil }
func (wire) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv6loopback, Port: 1} }

// received returns a session that was taken up, to which this arrives.
func received(r io.Reader, from ...format.BinlogPosition) *Session {
	c := &connection{Conn: wire{r: r}, ctx: context.Background(), timeout: time.Minute, quiet: time.Hour}
	s := &Session{c: c, in: newInput(c), node: testReplica}
	s.items = itemParser{in: s.in, maxNames: 1 << 20}
	for _, p := range from {
		s.databases = append(s.databases, &database{at: p})
	}
	return s
}

// FuzzMessages: whatever a master sends, a session ends with an error in the end, goes forward
// only, and keeps no more than it was sent.
func FuzzMessages(f *testing.F) {
	for _, version := range versions {
		var stream []byte
		for _, s := range transcript(f, version)[4:] {
			if s.byPika && len(stream)+len(s.message) < 64<<10 {
				stream = append(stream, s.message...)
			}
		}
		f.Add(stream)
	}
	f.Add(items(chip{at(0, 9), 0, encode("del", "a", "b")}, chip{at(1, 9), 0, nil}, chip{at(1, 99), 0, encode("flushdb")}))
	f.Add(removed())
	f.Fuzz(func(t *testing.T, stream []byte) {
		s := received(bytes.NewReader(stream), at(0, 0), at(1, 0))
		was := s.Positions()
		for {
			item, err := s.Next(t.Context())
			now := s.Positions()
			if err != nil {
				if now[0] != was[0] || now[1] != was[1] {
					t.Fatalf("an error moves %v to %v", was, now)
				}
				return
			}
			if db := item.Position.DB; !was[db].Before(now[db]) || item.Position != now[db] {
				t.Fatalf("%v, then %v", was, now)
			}
			size := 0
			for _, n := range item.Names {
				size += len(n)
			}
			if size > item.Size {
				t.Fatalf("names of %d bytes in %d", size, item.Size)
			}
			was = now
		}
	})
}

// FuzzReplies: whatever a master says before the first item, it is taken or refused.
func FuzzReplies(f *testing.F) {
	for _, version := range versions {
		all := transcript(f, version)
		f.Add(append(bytes.Clone(all[1].message), all[3].message...))
	}
	f.Add(refuse(kindMetaSync, codeError, "Auth with master error, Invalid masterauth"))
	f.Add(append(metaOK(), tried(2, at(0, 7), 1)...))
	f.Fuzz(func(t *testing.T, stream []byte) {
		s := received(bytes.NewReader(stream))
		s.o = Options{Node: testNode, From: []format.BinlogPosition{at(0, 100)}}
		if err := s.begin(); err == nil && len(s.databases) != 1 {
			t.Fatal("it begins without its database")
		}
	})
}

// FuzzItem: an item is parsed as it would be in one piece, or refused.
func FuzzItem(f *testing.F) {
	for _, args := range [][]string{{"set", "k", "v"}, {"mset", "a", "1", "b", "2"}, {"del", "", "x\r\n"}, {"flushdb"}, {"pkpatternmatchdel", "*", "set"}, {"copy", "a", "b"}} {
		f.Add(encode(args...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		item, err := parseItem(b, 1<<20)
		if err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatal(err)
			}
			return
		}
		args := split(t, b[HeaderSize:])
		c := commands[item.Command]
		var names []string
		for i := 1; i < len(args); i++ {
			if c.keeps(i, len(args)) {
				names = append(names, args[i])
			}
		}
		if len(names) != len(item.Names) {
			t.Fatalf("%q: names %q", args, item.Names)
		}
		for i, n := range names {
			if n != string(item.Names[i]) {
				t.Fatalf("%q: names %q", args, item.Names)
			}
		}
	})
}

// split takes a command apart that is well formed.
func split(t *testing.T, b []byte) (args []string) {
	line := func() int {
		i := bytes.Index(b, []byte("\r\n"))
		n := 0
		for _, c := range b[1:i] {
			n = n*10 + int(c-'0')
		}
		b = b[i+2:]
		return n
	}
	for range line() {
		n := line()
		args, b = append(args, string(b[:n])), b[n+2:]
	}
	if len(b) > 0 {
		t.Fatalf("%q is left", b)
	}
	return args
}
