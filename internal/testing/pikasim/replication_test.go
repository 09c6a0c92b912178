package pikasim

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// event is a line of a recording of the replication port: a command with its reply, what INFO
// replication said, or a message on one of several connections.
type event struct {
	At            int64 // Unix milliseconds
	Cmd           []string
	Reply, Info   *string
	Connection    int
	To, From, Hex string
	Closed, Close bool
}

// TestReplication replays what real servers answered on the replication port and logged of every
// write command, byte for byte.
func TestReplication(t *testing.T) {
	for _, r := range []struct {
		file, password string
		version        Version
		port           uint64
	}{
		{"replication-3.4.0.jsonl.gz", "", V340, 19340},
		{"replication-3.5.5.jsonl.gz", "", V355, 19355},
		{"replication-3.5.5-auth.jsonl.gz", "secret", V355, 19356},
		{"replication-4.0.1.jsonl.gz", "", V401, 19401},
	} {
		t.Run(r.file, func(t *testing.T) {
			t.Parallel()
			events := loadEvents(t, r.file)
			clock := newTestClock(time.UnixMilli(events[1].At))
			s := start(t, Options{
				Version: r.version, Databases: 2, Password: r.password, Clock: clock.Now, Replication: true,
			})
			s.resume(events)
			p := &replay{
				t: t, s: s, main: dial(t, s), clock: clock, replicas: map[int]*testReplica{},
				port: protowire.AppendVarint(nil, r.port), loose: r.version != V340,
			}
			if r.password != "" {
				p.main.do("AUTH", r.password)
			}
			for _, e := range events {
				p.step(e)
			}
		})
	}
}

func loadEvents(t *testing.T, name string) (list []event) {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "testdata", "transcripts", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for d := json.NewDecoder(z); d.More(); {
		var e event
		if err := d.Decode(&e); err != nil {
			t.Fatal(err)
		}
		list = append(list, e)
	}
	return list
}

// resume puts the server where the recorded one was: positions, item and session numbers.
func (s *Server) resume(events []event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id := regexp.MustCompile(`ReplicationID:(\w+)`).FindStringSubmatch(*events[0].Info); id != nil {
		s.master.id = id[1]
	}
	at := regexp.MustCompile(`db\d.binlog_offset=(\d+) (\d+)`).FindAllStringSubmatch(*events[0].Info, -1)
	for i, db := range s.dbs {
		b := &db.binlog
		_, _ = fmt.Sscan(at[i][1]+" "+at[i][2], &b.at.file, &b.at.offset) // digits, by the pattern
		b.first = b.at
		known := false
		for _, e := range events {
			raw, _ := hex.DecodeString(e.Hex)
			w := parseWire(raw)
			name := fmt.Sprintf("db%d", i)
			if body := w.in(6); e.From != "" && !known && body.in(2).text(1) == name && body[1].n == tryOK {
				s.master.sessions[db], known = body[4].n, true
			}
			if item := w.in(7); e.From != "" && b.number == 0 && item.in(1).text(1) == name {
				b.number = item.in(2)[4].n - 1
			}
		}
	}
}

type replay struct {
	t        *testing.T
	s        *Server
	main     *testConn
	clock    *testClock
	replicas map[int]*testReplica
	port     []byte // of the recorded server
	loose    bool   // the elements of sets come in another order
}

func (p *replay) step(e event) {
	t := p.t
	t.Helper()
	switch {
	case e.Info != nil:
		got := p.main.do("INFO", "replication")
		if mask(got) != mask(*e.Info) {
			t.Errorf("INFO replication\n got %q\nwant %q", got, *e.Info)
		}
	case e.Cmd != nil:
		p.clock.now.Store(e.At * int64(time.Millisecond))
		for i, a := range e.Cmd {
			e.Cmd[i] = latin1(a)
		}
		got, want := p.main.do(e.Cmd...), latin1(*e.Reply)
		if got != want && !(p.loose && strings.HasPrefix(got, "*") && sortedBytes(got) == sortedBytes(want)) {
			t.Errorf("%q\n got %q\nwant %q", e.Cmd, got, want)
		}
	case e.To != "":
		c := p.replicas[e.Connection]
		if c == nil {
			c = dialReplica(t, p.s)
			p.replicas[e.Connection] = c
		}
		c.send(fromHex(t, e.Hex))
	case e.From != "":
		got, err := p.replicas[e.Connection].receive()
		if err != nil {
			t.Fatalf("read of a replica: %v", err)
		}
		got = bytes.ReplaceAll(got, protowire.AppendVarint(nil, portOf(p.s)), p.port)
		p.compare(got, fromHex(t, e.Hex))
	case e.Closed:
		if got, err := p.replicas[e.Connection].receive(); err == nil {
			t.Errorf("got %x, want the connection closed", got)
		}
	case e.Close:
		p.replicas[e.Connection].conn.Close()
		delete(p.replicas, e.Connection)
		for range 1000 { // until it was noticed
			p.s.mu.Lock()
			n := len(p.s.master.replicas)
			p.s.mu.Unlock()
			if n == 0 {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}
}

// compare compares two messages to the byte, but for what is random, milliseconds, and the order
// of the elements of a set.
func (p *replay) compare(got, want []byte) {
	p.t.Helper()
	if g, w := mask(string(got)), mask(string(want)); g == w || p.loose && sortedBytes(g) == sortedBytes(w) {
		return
	}
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	p.t.Errorf("message, from byte %d on\n got %.300q\nwant %.300q", at, got[max(at-60, 0):], want[max(at-60, 0):])
}

var (
	random = regexp.MustCompile(`[0-9a-f]{40,51}|conn_fd=\d+|^\$\d+`)
	milli  = regexp.MustCompile(`\n1795\d{9}\r`)
)

func mask(s string) string {
	return milli.ReplaceAllString(random.ReplaceAllString(s, "*"), "\nmilliseconds\r")
}

func sortedBytes(s string) string {
	b := []byte(s)
	slices.Sort(b)
	return string(b)
}

func fromHex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// testReplica is a bare client of the replication port.
type testReplica struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
}

func portOf(s *Server) uint64 { return uint64(s.clients.Addr().(*net.TCPAddr).Port) }

func dialReplica(t testing.TB, s *Server) *testReplica {
	t.Helper()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", portOf(s)+replicationShift))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &testReplica{t, conn, bufio.NewReader(conn)}
}

func (c *testReplica) send(b []byte) {
	c.t.Helper()
	if _, err := c.conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *testReplica) receive() ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(c.r, head[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint32(head[:]))
	_, err := io.ReadFull(c.r, b)
	return b, err
}

// ask sends the body of a kind of request and reads the answer.
func (c *testReplica) ask(kind uint64, body message) wire {
	c.t.Helper()
	c.send(message{}.number(1, kind).bytes(protowire.Number(kind+1), body))
	got, err := c.receive()
	if err != nil {
		c.t.Fatal(err)
	}
	return parseWire(got)
}

// trySyncFrom asks for a position of db0.
func (c *testReplica) trySyncFrom(file, offset uint64) uint64 {
	c.t.Helper()
	node, at := message{}.text(1, "127.0.0.1").number(2, 1), message{}.number(1, file).number(2, offset)
	return c.ask(trySync, message{}.bytes(1, node).slot(2, "db0").bytes(3, at)).in(6)[1].n
}

// TestPurgedBinlog: files are purged beyond expire-logs-nums, but ten, and when told.
func TestPurgedBinlog(t *testing.T) {
	s := start(t, Options{Replication: true, Config: map[string]string{"binlog-file-size": "1024"}})
	c, r := dial(t, s), dialReplica(t, s)
	for c.do("SET", "k", strings.Repeat("v", 500)); binlogFile(s) < 12; {
		c.do("SET", "k", strings.Repeat("v", 500))
	}
	for file, want := range map[uint64]uint64{0: tryPurged, 2: tryPurged, 3: tryOK, 12: tryOK, 13: tryLarger} {
		if got := r.trySyncFrom(file, 0); got != want {
			t.Errorf("TrySync from the start of file %d: %d, want %d", file, got, want)
		}
	}
	s.PurgeBinlog(0)
	if got := r.trySyncFrom(11, 0); got != tryPurged {
		t.Errorf("TrySync from a purged file: %d", got)
	}
	if got := r.trySyncFrom(12, 0); got != tryOK {
		t.Errorf("TrySync from the only file: %d", got)
	}
}

func binlogFile(s *Server) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dbs[0].binlog.at.file
}

// TestBlocks: an item that does not fit into a block of 64 KiB has a header in each.
func TestBlocks(t *testing.T) {
	var b binlog
	b.put(words("set", "hm", strings.Repeat("\x00", hllRegisters)), 0, 1<<30)
	b.at.offset = 2599437 // recorded: PFMERGE on 3.5.5
	b.put(words("set", "hm", strings.Repeat("\x00", hllRegisters)), 0, 1<<30)
	if b.at.offset != 2730599 {
		t.Errorf("the item ends at %d, recorded 2730599", b.at.offset)
	}
}

// TestSilentReplica: one that says nothing is dropped, and its name is free when it is gone.
func TestSilentReplica(t *testing.T) {
	s := start(t, Options{Replication: true, ReplicaSilence: time.Millisecond})
	r := dialReplica(t, s)
	if got := r.trySyncFrom(0, 0); got != tryOK {
		t.Fatalf("TrySync: %d", got)
	}
	for {
		s.mu.Lock()
		n := len(s.master.nodes)
		s.mu.Unlock()
		if n == 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
}
