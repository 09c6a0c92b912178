package main

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/minitarget"
)

// A kvrocks behaves as a Kvrocks 2.10.1 in what has to do with settings and namespaces, which a
// Redis has not; its namespaces share their keys.
type kvrocks struct {
	*miniredis.Miniredis

	mu       sync.Mutex
	config   map[string]string
	fixed    string // a setting that cannot be changed
	password string
	tokens   map[string]string // namespaces by token
	peers    map[*server.Peer]string
	clients  minitarget.Clients
	said     []string      // commands that change the server
	full     bool          // an HSET finds the disk full
	writing  chan struct{} // if not nil, is told of an HSET, which then waits for the end of over
	over     chan struct{}
}

func startKvrocks(t *testing.T) *kvrocks {
	t.Helper()
	k := &kvrocks{
		Miniredis: miniredis.RunT(t),
		config:    map[string]string{"log-level": "info", "rocksdb.max_background_jobs": "4", "workers": "8"},
		tokens:    map[string]string{}, peers: map[*server.Peer]string{},
	}
	k.Server().SetPreHook(k.hook)
	return k
}

// setting returns a setting.
func (k *kvrocks) setting(name string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.config[name]
}

// change changes the server as an operator does.
func (k *kvrocks) change(f func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f()
}

// changes returns what was changed since the last call.
func (k *kvrocks) changes() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	said := k.said
	k.said = nil
	return said
}

func (k *kvrocks) hook(c *server.Peer, cmd string, args ...string) bool {
	line := strings.ToUpper(strings.Join(append([]string{cmd}, args[:min(1, len(args))]...), " "))
	if cmd == "HSET" && !strings.HasPrefix(args[0], "kvload-probe-") {
		k.mu.Lock()
		writing, over := k.writing, k.over
		k.mu.Unlock()
		if writing != nil {
			writing <- struct{}{}
			<-over
		}
		k.mu.Lock()
		full := k.full
		k.mu.Unlock()
		if full {
			c.WriteError("ERR IO error: No space left on device")
			return true
		}
	}
	if cmd == "HRANGEBYLEX" { // key - + LIMIT 0 n, or with (field for -
		from, behind := strings.CutPrefix(args[1], "(")
		fields, _ := k.HKeys(args[0])
		page := []string{}
		for _, f := range fields {
			if n, _ := strconv.Atoi(args[5]); len(page) < 2*n && (!behind || f > from) {
				page = append(page, f, k.HGet(args[0], f))
			}
		}
		c.WriteStrings(page)
		return true
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if cmd == "CLIENT" && k.clients.Answer(c, args) {
		return true
	}
	in, known := k.peers[c]
	switch {
	case !known && k.password != "" && cmd != "AUTH" && cmd != "HELLO":
		c.WriteError("NOAUTH Authentication required.")
		return true
	case !known:
		in = "__namespace"
	}
	if in != "__namespace" && slices.Contains([]string{"CONFIG", "NAMESPACE"}, cmd) {
		c.WriteError("ERR admin permission required to perform the command")
		return true
	}
	switch line {
	case "INFO SERVER":
		c.WriteBulk(infoKvrocks)
	case "INFO REPLICATION":
		c.WriteBulk("# Replication\r\nrole:master\r\n")
	case "INFO PERSISTENCE":
		c.WriteBulk("# Persistence\r\nloading:0\r\n")
	case "INFO ROCKSDB":
		c.WriteBulk("# RocksDB\r\nnum_running_compactions:2\r\nmemtable_count_limit_slowdown[default]:0\r\nlevel0_file_limit_slowdown[metadata]:\r\n")
	case "CLIENT INFO":
		c.WriteBulk("id=2 addr=127.0.0.1:33724 fd=20 name= age=0 idle=0 flags=N namespace=" + in + " qbuf=0 obuf=0 cmd=client\n")
	case "CONFIG GET":
		if v, ok := k.config[args[1]]; ok {
			c.WriteStrings([]string{args[1], v})
		} else {
			c.WriteStrings(nil)
		}
	case "CONFIG SET":
		if args[1] == k.fixed {
			c.WriteError("ERR CONFIG SET '" + args[1] + "' error: read-only")
			return true
		}
		k.said = append(k.said, args[1]+"="+args[2])
		k.config[args[1]] = args[2]
		c.WriteOK()
	case "COMPACT", "COMPACT ":
		k.said = append(k.said, "COMPACT")
		c.WriteOK()
	case "NAMESPACE GET":
		for token, name := range k.tokens {
			if name == args[1] {
				c.WriteBulk(token)
				return true
			}
		}
		c.WriteNull()
	case "NAMESPACE ADD":
		k.said = append(k.said, "namespace "+args[1])
		k.tokens[args[2]] = args[1]
		c.WriteOK()
	default:
		if cmd != "AUTH" {
			return false
		}
		name, ok := k.tokens[args[0]]
		if args[0] == k.password {
			name, ok = "__namespace", true
		}
		if !ok {
			c.WriteError("ERR Invalid password")
			return true
		}
		k.peers[c] = name
		c.WriteOK()
	}
	return true
}
