// Package testserver has the servers that the tests of the writer load: fakes that answer what a
// script says, and real ones.
//
// Begin with Start, or with Each. Only tests import it.
package testserver

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidwall/redcon"
)

// A Fake is a server that answers what a script says. A script returns the raw reply, ""
// to close the connection.
type Fake struct {
	Addr string
	mu   sync.Mutex
	got  []string // commands that are not of the handshake, in order
}

// Replies of a real Kvrocks 2.10.1 (transcripts/kvrocks-2.10.1.jsonl), shortened.
const (
	InfoKvrocks = "# Server\r\nversion:2.10.1\r\nkvrocks_version:2.10.1\r\nredis_version:4.0.0\r\ngit_sha1:dc4d5303\r\n" +
		"kvrocks_git_sha1:dc4d5303\r\nredis_mode:standalone\r\nkvrocks_mode:standalone\r\n"
	infoMaster = "# Replication\r\nrole:master\r\nconnected_slaves:0\r\nmaster_repl_offset:0\r\n"
	infoLoaded = "# Persistence\r\nloading:0\r\nbgsave_in_progress:0\r\n"
	clientInfo = "id=2 addr=127.0.0.1:33724 fd=20 name= age=0 idle=0 flags=N namespace=__namespace qbuf=0 obuf=0 cmd=client\n"
	helloReply = "*12\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n4.0.0\r\n$5\r\nproto\r\n:2\r\n$4\r\nmode\r\n" +
		"$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*-1\r\n"
)

// Bulk is a text as a server answers it.
func Bulk(s string) string { return "$" + strconv.Itoa(len(s)) + "\r\n" + s + "\r\n" }

// handshake is what a Kvrocks 2.10.1 answers to what Open asks, by the first two words.
var handshake = map[string]string{
	"HELLO 2":          helloReply,
	"INFO SERVER":      Bulk(InfoKvrocks),
	"INFO REPLICATION": Bulk(infoMaster),
	"INFO PERSISTENCE": Bulk(infoLoaded),
	"CLIENT SETNAME":   "+OK\r\n",
	"CLIENT INFO":      Bulk(clientInfo),
	"CONFIG GET":       "*2\r\n" + Bulk("proto-max-bulk-len") + Bulk("536870912"),
}

// kvrocksHandshake answers what Open asks.
func kvrocksHandshake(cmd []string) (reply string, ok bool) {
	switch cmd[0] {
	case "TIME":
		now := time.Now()
		return "*2\r\n" + Bulk(strconv.FormatInt(now.Unix(), 10)) + Bulk(strconv.Itoa(now.Nanosecond()/1000)), true
	case "SELECT":
		return "+OK\r\n", true
	}
	reply, ok = handshake[strings.ToUpper(strings.Join(cmd[:min(2, len(cmd))], " "))]
	return reply, ok
}

// Start starts a server that asks script first, then behaves as a Kvrocks 2.10.1
// with no keys, that takes everything.
func Start(t *testing.T, script func(cmd []string) (string, bool)) *Fake {
	t.Helper()
	f := &Fake{}
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
	f.Addr = lis.Addr().String()
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
			return Bulk(cmd[4])
		}
		return Bulk(cmd[2])
	}
	return "-ERR unknown command `" + cmd[0] + "`, with args beginning with: \r\n"
}

// Commands returns what was sent beside the handshake.
func (f *Fake) Commands() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.got)
}

// Do runs f while no command is answered.
func (f *Fake) Do(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
}

// Answer is a script that gives one reply to commands beginning with a text.
func Answer(replies map[string]string) func(cmd []string) (string, bool) {
	return func(cmd []string) (string, bool) {
		line := strings.Join(cmd, " ")
		for prefix, reply := range replies {
			if strings.HasPrefix(line, prefix) {
				return reply, true
			}
		}
		return "", false
	}
}
