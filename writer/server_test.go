package writer

import (
	"bytes"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/tidwall/redcon"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/redisserver"
	"github.com/pika2kvrocks/pika2kvrocks/writer/checkpoint"
)

// records is a Source of the records it holds. What it hands out is overwritten by the
// next call, as a reader's is.
type records struct {
	list []format.Record
	last *format.Record
}

func (s *records) Next() (*format.Record, error) {
	if s.last != nil {
		spoil(s.last)
	}
	if len(s.list) == 0 {
		return nil, io.EOF
	}
	r := s.list[0]
	s.list = s.list[1:]
	s.last = copyRecord(&r)
	return s.last, nil
}

func source(list ...format.Record) Source { return &records{list: list} }

func copyRecord(r *format.Record) *format.Record {
	c := *r
	c.Key = bytes.Clone(r.Key)
	c.Value = bytes.Clone(r.Value)
	c.Elems = make([][]byte, len(r.Elems))
	for i := range r.Elems {
		c.Elems[i] = bytes.Clone(r.Elems[i])
	}
	c.Scores = slices.Clone(r.Scores)
	c.Entries = make([]format.Entry, len(r.Entries))
	for i := range r.Entries {
		c.Entries[i].ID = r.Entries[i].ID
		for _, f := range r.Entries[i].Fields {
			c.Entries[i].Fields = append(c.Entries[i].Fields, bytes.Clone(f))
		}
	}
	return &c
}

func spoil(r *format.Record) {
	all := [][]byte{r.Key, r.Value}
	all = append(all, r.Elems...)
	for i := range r.Entries {
		all = append(all, r.Entries[i].Fields...)
	}
	for _, b := range all {
		for i := range b {
			b[i] = '!'
		}
	}
	clear(r.Scores)
}

// reports collects what a load leaves out.
type reports struct {
	mu   sync.Mutex
	list []LeftOut
}

func (r *reports) add(l LeftOut) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, l)
}

// load opens o, loads the records in one go and returns what it did.
func load(t *testing.T, o Options, list ...format.Record) (checkpoint.Stats, []LeftOut, error) {
	t.Helper()
	var left reports
	o.Report = left.add
	l, err := Open(t.Context(), o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	w, err := l.NewWorker(t.Context(), 0)
	if err != nil {
		t.Fatalf("new worker: %v", err)
	}
	err = w.Load(t.Context(), source(list...))
	if closeErr := w.Close(); err == nil {
		err = closeErr
	}
	return w.Stats(), left.list, err
}

func mustLoad(t *testing.T, o Options, list ...format.Record) (checkpoint.Stats, []LeftOut) {
	t.Helper()
	s, left, err := load(t, o, list...)
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	return s, left
}

// startRedis starts a redis-server of its own and returns its address.
func startRedis(t *testing.T, args ...string) string {
	t.Helper()
	return redisserver.Start(t, args...).Addr
}

// eachServer runs a test against every real server there is: an empty redis-server,
// and the Kvrocks at KVROCKS_ADDR, whose keys it deletes.
func eachServer(t *testing.T, test func(t *testing.T, addr string, c *redis.Client)) {
	t.Run("redis", func(t *testing.T) {
		addr := startRedis(t)
		test(t, addr, client(t, addr))
	})
	if addr := os.Getenv("KVROCKS_ADDR"); addr != "" {
		t.Run("kvrocks", func(t *testing.T) {
			c := client(t, addr)
			if err := c.Do(t.Context(), "FLUSHDB").Err(); err != nil {
				t.Fatal(err)
			}
			test(t, addr, c)
		})
	}
}

func client(t *testing.T, addr string) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: addr, Protocol: 2, DisableIdentity: true})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// fake is a server that answers what a script says. A script returns the raw reply, ""
// to close the connection.
type fake struct {
	addr string
	mu   sync.Mutex
	got  []string // commands that are not of the handshake, in order
}

// Replies of a real Kvrocks 2.10.1 (transcripts/kvrocks-2.10.1.jsonl), shortened.
const (
	infoKvrocks = "# Server\r\nversion:2.10.1\r\nkvrocks_version:2.10.1\r\nredis_version:4.0.0\r\ngit_sha1:dc4d5303\r\n" +
		"kvrocks_git_sha1:dc4d5303\r\nredis_mode:standalone\r\nkvrocks_mode:standalone\r\n"
	infoMaster = "# Replication\r\nrole:master\r\nconnected_slaves:0\r\nmaster_repl_offset:0\r\n"
	infoLoaded = "# Persistence\r\nloading:0\r\nbgsave_in_progress:0\r\n"
	clientInfo = "id=2 addr=127.0.0.1:33724 fd=20 name= age=0 idle=0 flags=N namespace=__namespace qbuf=0 obuf=0 cmd=client\n"
	helloReply = "*12\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n4.0.0\r\n$5\r\nproto\r\n:2\r\n$4\r\nmode\r\n" +
		"$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*-1\r\n"
)

func bulkString(s string) string { return "$" + strconv.Itoa(len(s)) + "\r\n" + s + "\r\n" }

// kvrocksHandshake answers what Open asks, as a Kvrocks 2.10.1 does.
func kvrocksHandshake(cmd []string) (string, bool) {
	switch strings.ToUpper(strings.Join(cmd[:min(2, len(cmd))], " ")) {
	case "HELLO 2":
		return helloReply, true
	case "INFO SERVER":
		return bulkString(infoKvrocks), true
	case "INFO REPLICATION":
		return bulkString(infoMaster), true
	case "INFO PERSISTENCE":
		return bulkString(infoLoaded), true
	case "CLIENT SETNAME":
		return "+OK\r\n", true
	case "CLIENT INFO":
		return bulkString(clientInfo), true
	case "TIME":
		now := time.Now()
		return "*2\r\n" + bulkString(strconv.FormatInt(now.Unix(), 10)) + bulkString(strconv.Itoa(now.Nanosecond()/1000)), true
	case "CONFIG GET":
		return "*2\r\n" + bulkString("proto-max-bulk-len") + bulkString("536870912"), true
	}
	if strings.EqualFold(cmd[0], "SELECT") {
		return "+OK\r\n", true
	}
	return "", false
}

// startFake starts a server that asks script first, then behaves as a Kvrocks 2.10.1
// with no keys, that takes everything.
func startFake(t *testing.T, script func(cmd []string) (string, bool)) *fake {
	t.Helper()
	f := &fake{}
	lengths := map[string]int{}
	handle := func(conn redcon.Conn, rc redcon.Command) {
		cmd := make([]string, len(rc.Args))
		for i, a := range rc.Args {
			cmd[i] = string(a)
		}
		cmd[0] = strings.ToUpper(cmd[0]) // go-redis' own are in lower case
		f.mu.Lock()
		defer f.mu.Unlock()
		handshake, ok := kvrocksHandshake(cmd)
		if !ok {
			f.got = append(f.got, strings.Join(cmd, " "))
		}
		reply, scripted := "", false
		if script != nil {
			reply, scripted = script(cmd)
		}
		switch {
		case scripted && reply == "":
			_ = conn.Close()
			return
		case scripted:
		case ok:
			reply = handshake
		default:
			reply = takeAll(cmd, lengths)
		}
		conn.WriteRaw([]byte(reply))
		if strings.HasPrefix(reply, "-ERR Protocol error") {
			_ = conn.Close()
		}
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := redcon.NewServer(lis.Addr().String(), handle, func(redcon.Conn) bool { return true }, func(redcon.Conn, error) {})
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = s.Serve(lis)
	}()
	t.Cleanup(func() {
		_ = lis.Close()
		<-served
	})
	f.addr = lis.Addr().String()
	return f
}

// takeAll is the reply to a command on a fresh key.
func takeAll(cmd []string, lengths map[string]int) string {
	integer := func(n int) string { return ":" + strconv.Itoa(n) + "\r\n" }
	switch strings.ToUpper(cmd[0]) {
	case "SET", "MSET", "XSETID":
		if cmd[0] == "SET" {
			lengths[cmd[1]] = len(cmd[2])
		}
		return "+OK\r\n"
	case "APPEND":
		lengths[cmd[1]] += len(cmd[2])
		return integer(lengths[cmd[1]])
	case "RPUSH":
		lengths[cmd[1]] += len(cmd) - 2
		return integer(lengths[cmd[1]])
	case "SADD":
		return integer(len(cmd) - 2)
	case "HSET", "ZADD":
		return integer((len(cmd) - 2) / 2)
	case "PEXPIREAT":
		return integer(1)
	case "DEL", "EXISTS":
		return integer(0)
	case "XADD":
		if cmd[2] == "MAXLEN" {
			return bulkString(cmd[4])
		}
		return bulkString(cmd[2])
	}
	return "-ERR unknown command `" + cmd[0] + "`, with args beginning with: \r\n"
}

func (f *fake) commands() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.got)
}

func b(s string) []byte { return []byte(s) }

func bs(list ...string) [][]byte {
	out := make([][]byte, len(list))
	for i, s := range list {
		out[i] = b(s)
	}
	return out
}

func str(key, value string, expire int64) format.Record {
	return format.Record{Kind: format.String, Key: b(key), Value: b(value), Expire: expire, Part: format.PartWhole}
}

func whole(kind format.Kind, key string, elems ...string) format.Record {
	return format.Record{Kind: kind, Key: b(key), Elems: bs(elems...), Part: format.PartWhole}
}

func zset(key string, scores []float64, members ...string) format.Record {
	r := whole(format.Zset, key, members...)
	r.Scores = scores
	return r
}

func id(ms, seq uint64) format.StreamID { return format.StreamID{Ms: ms, Seq: seq} }

const farFuture = 4102444800123
