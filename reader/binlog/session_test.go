package binlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// begin is what is said before the first item of databases that are taken up where they should be.
func (l *line) begin(from ...format.BinlogPosition) error {
	err := l.converse(testReplica.metaSync(""), metaOK())
	for i, p := range from {
		err = errors.Join(err, l.converse(testReplica.trySync(p), tried(1, at(p.DB, 1<<30), uint64(i))))
	}
	for i, p := range from {
		err = errors.Join(err, l.want(testReplica.binlogSync(p, p, uint64(i), true)))
	}
	return err
}

// TestFollow: two databases on one connection. A message is acknowledged when the item behind its
// last is asked for, each database by itself.
func TestFollow(t *testing.T) {
	a, b := at(0, 100), at(3, 5000)
	m := startMaster(t, func(l *line) error {
		return errors.Join(
			l.begin(a, b),
			l.send(items(
				chip{at(0, 150), 0, encode("set", "k", "v")},
				chip{at(3, 5050), 1, encode("del", "x", "y")},
				chip{at(0, 200), 0, encode("hset", "h", "f", "v")},
			)),
			l.want(testReplica.binlogSync(at(0, 150), at(0, 200), 0, false)),
			l.want(testReplica.binlogSync(at(3, 5050), at(3, 5050), 1, false)),
			l.converse(nil, items(chip{at(3, 0), 1, nil}), testReplica.binlogSync(at(3, 0), at(3, 0), 1, false)),
			l.send(items(chip{format.BinlogPosition{DB: 0, File: 1, Offset: 40}, 0, encode("incr", "n")})),
			l.want(testReplica.binlogSync(at(0, 0), at(0, 0), 0, false)), // KeepAlive
			l.want(testReplica.binlogSync(at(3, 0), at(3, 0), 1, false)),
			l.want(testReplica.removeSlaveNode(0)),
			l.send(items(chip{at(3, 6000), 1, encode("set", "late", "v")})), // was under way
			l.send(removed()),
			l.converse(testReplica.removeSlaveNode(3), removed()),
		)
	})
	s := m.mustFollow(a, b)
	if s.RunID != "run" {
		t.Errorf("run id %q", s.RunID)
	}
	for _, want := range []string{"db0 0:150 set [k]", "db3 0:5050 del [x y]", "db0 0:200 hset [h]", "db0 1:40 incr [n]"} {
		item, err := s.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%s %s %s", place(item.Position), item.Command, item.Names); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if item.Time.Unix() != 1795865384 {
			t.Errorf("%s ran at %v", item.Command, item.Time)
		}
	}
	if err := s.KeepAlive(); err != nil {
		t.Error(err)
	}
	if p := s.Positions(); !slices.Equal(p, []format.BinlogPosition{{File: 1, Offset: 40}, {DB: 3, Offset: 5050}}) {
		t.Errorf("positions %v", p)
	}
	if err := s.Goodbye(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := s.Next(t.Context()); err == nil {
		t.Error("an item behind the goodbye")
	}
}

// TestRefused: each refusal of a master is an error of its own; none is served after it.
func TestRefused(t *testing.T) {
	from := at(0, 100)
	ends := format.BinlogPosition{File: 12, Offset: 9}
	try := func(answer []byte) func(*line) error {
		return func(l *line) error {
			return errors.Join(
				l.converse(testReplica.metaSync(""), metaOK(), testReplica.trySync(from), answer),
				l.closed())
		}
	}
	meta := func(answer []byte) func(*line) error {
		return func(l *line) error {
			return errors.Join(l.converse(testReplica.metaSync(""), answer), l.closed())
		}
	}
	refused := func(r Reason) func(error) bool {
		return func(err error) bool {
			e, ok := errors.AsType[*PositionError](err)
			return ok && e.Reason == r && e.Asked == from && e.Master == ends
		}
	}
	sharded := message{}.bytes(2, message{}.text(1, "db0").number(2, 8))
	for name, test := range map[string]struct {
		serve func(*line) error
		is    func(error) bool
		says  string
	}{
		"password": {meta(refuse(kindMetaSync, codeError, "Auth with master error, Invalid masterauth")), func(err error) bool { return errors.Is(err, ErrAuth) }, "requirepass"},
		"purged":   {try(tried(2, ends, 0)), refused(Purged), "expire-logs-nums"},
		"larger":   {try(tried(3, ends, 0)), refused(Ahead), "12:9"},
		"middle":   {try(tried(4, ends, 0)), refused(NotAnItem), "dump --base"},
		"database": {try(refuse(kindTrySync, codeError, "DB not found")), func(err error) bool {
			e, ok := errors.AsType[*UnknownDatabaseError](err)
			return ok && e.DB == 0
		}, "db0"},
		"sharded": {meta(newMessage(kindMetaSync).number(2, codeOK).bytes(4, sharded).whole()), nil, "sharding mode"},
		"garbage": {meta([]byte("\x00\x00\x00\x03HTT")), nil, errMessage.Error()},
		"a Redis": {func(l *line) error { _, err := l.Write([]byte("-ERR unknown command\r\n")); return err }, nil, errMessage.Error()},
		"closed":  {func(*line) error { return nil }, func(err error) bool { return errors.Is(err, ErrUnavailable) }, "connection lost"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := startMaster(t, test.serve, test.serve, test.serve).follow(from)
			if err == nil || test.is != nil && !test.is(err) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%T: %v", err, err)
			}
		})
	}
}

// closed waits for the other end to close.
func (l *line) closed() error {
	if b, err := l.r.ReadByte(); err != io.EOF {
		return fmt.Errorf("not closed: byte %d, %v", b, err)
	}
	return nil
}

// TestPasswordIsSent, and is in no error.
func TestPasswordIsSent(t *testing.T) {
	m := startMaster(t, func(l *line) error {
		return l.converse(testReplica.metaSync("geheim"), refuse(kindMetaSync, codeError, "Auth with master error, Invalid masterauth"))
	})
	_, err := Dial(t.Context(), Options{Addr: m.addr, Node: testNode, Password: "geheim", From: []format.BinlogPosition{at(0, 1)}})
	if !errors.Is(err, ErrAuth) || strings.Contains(err.Error(), "geheim") {
		t.Error(err)
	}
}

// TestNameIsTaken: while the master has an old session of this name, the new one waits for it.
func TestNameIsTaken(t *testing.T) {
	taken := func(l *line) error {
		return l.converse(testReplica.metaSync(""), refuse(kindMetaSync, codeOther, "Slave AlreadyExist"))
	}
	startMaster(t, taken, func(l *line) error { return l.begin(at(0, 100)) }).mustFollow(at(0, 100))

	m := startMaster(t, taken)
	_, err := Dial(t.Context(), Options{Addr: m.addr, Node: testNode, Wait: time.Nanosecond, From: []format.BinlogPosition{at(0, 1)}})
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "Slave AlreadyExist") {
		t.Error(err)
	}
}

// TestLostAtBegin: a connection that the master takes for the one before it is made again.
func TestLostAtBegin(t *testing.T) {
	at := at(0, 100)
	for _, lost := range []func(*line) error{
		func(*line) error { return nil },
		func(l *line) error { return l.converse(testReplica.metaSync(""), metaOK()) },
	} {
		startMaster(t, lost, lost, func(l *line) error { return l.begin(at) }).mustFollow(at)
	}
}

// TestCut: wherever the connection is cut, the next session goes on from Positions, and no item is
// lost or comes twice.
func TestCut(t *testing.T) {
	var chips []chip
	for i := range 7 {
		chips = append(chips, chip{at(0, 100+50*int64(i+1)), 0, encode("set", fmt.Sprintf("key%d", i), strings.Repeat("v", 100))})
	}
	size := len(items(chips...))
	for cut := 0; cut <= size; cut += 37 {
		var got []string
		p := []format.BinlogPosition{at(0, 100)}
		for round := range 2 {
			from, message := slices.Clone(p), items(chips...)[:cut]
			if round == 1 {
				message = items(chips[(p[0].Offset-100)/50:]...)
			}
			s := startMaster(t, func(l *line) error { return errors.Join(l.begin(from...), l.send(message)) }).mustFollow(p...)
			for len(got) < len(chips) {
				item, err := s.Next(t.Context())
				if err != nil {
					if !errors.Is(err, ErrUnavailable) {
						t.Fatal(err)
					}
					break
				}
				got = append(got, string(item.Names[0]))
			}
			p = s.Positions()
			s.Close()
		}
		if want := strings.Fields("key0 key1 key2 key3 key4 key5 key6"); !slices.Equal(got, want) {
			t.Errorf("cut behind %d of %d bytes: %q", cut, size, got)
		}
	}
}

// TestSilence: a master that says nothing is given up; so is one that answers nothing.
func TestSilence(t *testing.T) {
	wait := func(l *line) error { return l.closed() }
	m := startMaster(t, func(l *line) error { return errors.Join(l.begin(at(0, 100)), wait(l)) }, func(l *line) error {
		_, err := l.receive()
		return errors.Join(err, wait(l))
	})
	o := Options{Addr: m.addr, Node: testNode, Timeout: 20 * time.Millisecond, From: []format.BinlogPosition{at(0, 100)}}
	s, err := Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Next(t.Context()); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "no sign of life") {
		t.Error(err)
	}
	s.Close()
	if _, err := Dial(t.Context(), o); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
}

// TestCancelled: a context ends what is waited for, by its cause.
func TestCancelled(t *testing.T) {
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	m := startMaster(t, func(l *line) error {
		err := l.begin(at(0, 100))
		cancel(cause)
		return errors.Join(err, l.closed())
	})
	s := m.mustFollow(at(0, 100))
	if _, err := s.Next(ctx); !errors.Is(err, cause) || errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
	s.Close()
	if _, err := Dial(ctx, Options{Addr: m.addr, From: []format.BinlogPosition{at(0, 100)}}); !errors.Is(err, cause) {
		t.Error(err)
	}
}

// TestSignOfLife: who reads a long message is not forgotten.
func TestSignOfLife(t *testing.T) {
	whole := items(chip{at(0, 200), 0, encode("set", "k", strings.Repeat("v", 1<<20))})
	m := startMaster(t, func(l *line) error {
		return errors.Join(
			l.begin(at(0, 100)),
			l.send(whole[:1000]),
			l.want(testReplica.binlogSync(at(0, 0), at(0, 0), 0, false)),
			l.send(whole[1000:]),
			func() error { _, err := io.Copy(io.Discard, l.r); return err }())
	})
	s := m.mustFollow(at(0, 100))
	s.c.quiet = 0
	if item, err := s.Next(t.Context()); err != nil || string(item.Names[0]) != "k" {
		t.Error(item, err)
	}
}

// TestEarlierSession: a master still sends what a run that was killed had asked for.
func TestEarlierSession(t *testing.T) {
	earlier := items(chip{at(0, 200), 7, encode("set", "k", "v")})
	m := startMaster(t, func(l *line) error { return errors.Join(l.begin(at(0, 100)), l.send(earlier), l.closed()) })
	s := m.mustFollow(at(0, 100))
	defer s.Close()
	if item, err := s.Next(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("%v, %v, and not what is tried again", item, err)
	}
}

// TestOutOfOrder: items of a database that is not followed, or that go back, end the session.
func TestOutOfOrder(t *testing.T) {
	for name, c := range map[string]chip{
		"database": {at(1, 200), 0, encode("set", "k", "v")},
		"back":     {at(0, 100), 0, encode("set", "k", "v")},
	} {
		m := startMaster(t, func(l *line) error { return errors.Join(l.begin(at(0, 100)), l.send(items(c)), l.closed()) })
		s := m.mustFollow(at(0, 100))
		item, err := s.Next(t.Context())
		if !errors.Is(err, errMessage) {
			t.Errorf("%s: %v, %v", name, item, err)
		}
		if again, err2 := s.Next(t.Context()); err2 != err {
			t.Errorf("%s: then %v, %v", name, again, err2)
		}
		s.Close()
	}
}

func TestOptions(t *testing.T) {
	for name, o := range map[string]Options{
		"no database":  {},
		"one twice":    {From: []format.BinlogPosition{at(0, 1), at(0, 2)}},
		"file":         {From: []format.BinlogPosition{{File: 1 << 32}}},
		"offset":       {From: []format.BinlogPosition{at(0, -1)}},
		"node":         {Node: "here", From: []format.BinlogPosition{at(0, 1)}},
		"port of node": {Node: "here:x", From: []format.BinlogPosition{at(0, 1)}},
	} {
		if _, err := Dial(t.Context(), o); err == nil || errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for addr, want := range map[string]string{"h:9221": "h:11221", "[::1]:1": "[::1]:2001", "h:63535": "h:65535"} {
		if got, err := ReplicationAddr(addr); got != want || err != nil {
			t.Errorf("%s: %s, %v", addr, got, err)
		}
	}
	for _, addr := range []string{"h", "h:63536", "h:x"} {
		if got, err := ReplicationAddr(addr); err == nil {
			t.Errorf("%s: %s", addr, got)
		}
	}
}
