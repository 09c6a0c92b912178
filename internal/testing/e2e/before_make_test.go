package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/faultproxy"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/redisserver"
)

// beforeDir holds what the tools of an older commit left on the disk: see its README.
var beforeDir = filepath.Join("..", "..", "..", "testdata", "before")

// beforeSource is where the source of the unfinished dumps is. A dump is resumed from the same
// address only.
const beforeSource = "127.0.0.1:26117"

// TestMakeBefore writes testdata/before with the tools in the directory BEFORE. The files stand for
// what users have on their disks, so they are made once, from a commit, and never again by newer
// code.
func TestMakeBefore(t *testing.T) {
	tools := os.Getenv("BEFORE")
	if tools == "" {
		t.Skip("BEFORE names no directory with tools of an older commit: nothing is made")
	}
	dir, err := filepath.Abs(beforeDir)
	if err != nil {
		t.Fatal(err)
	}
	m := &maker{t: t, tools: tools, dir: dir}
	m.dumps()
	m.load("load-started", `"done"`, "load", "--on-exists", "skip")
	m.load("load-finished", "", "load", "--on-exists", "skip")
	m.load("load-encrypted", `"done"`, "load", "--on-exists", "replace", "--identity", m.path("identity"))
	m.load("load-undo", `"done"`, "load", "--on-exists", "replace", "--undo", m.path("load-undo", "undo"))
	m.shards()
	m.rollback("rollback-started", true)
	m.rollback("rollback-finished", false)
}

// A maker makes the files.
type maker struct {
	t     *testing.T
	tools string // directory of the old binaries
	dir   string // where the files go
}

func (m *maker) path(elem ...string) string {
	return filepath.Join(append([]string{m.dir}, elem...)...)
}

// start starts an old tool.
func (m *maker) start(name string, args ...string) *process {
	m.t.Helper()
	return startCommand(m.t, exec.Command(filepath.Join(m.tools, name), args...))
}

// run runs it to its end.
func (m *maker) run(code int, name string, args ...string) result {
	m.t.Helper()
	r := m.start(name, args...).result(m.t)
	r.mustBe(m.t, code, name, args)
	return r
}

// kill starts a tool and kills it when there is something.
func (m *maker) kill(there func() bool, name string, args ...string) {
	m.t.Helper()
	p := m.start(name, args...)
	waitFor(m.t, fmt.Sprint(args), there)
	p.kill()
	if code, stderr := p.wait(m.t); code >= 0 {
		m.t.Fatalf("%v has ended with %d before it was killed\n%s", args, code, stderr)
	}
}

// dumps makes finished and unfinished dumps of one source.
func (m *maker) dumps() {
	s := startBeforeSource(m.t)
	from := []string{"dump", "--quiet", "--uri", "redis://" + s.addr, "--chunk-size", "64KiB", "--reply-size", "4KiB", "--page-keys", "20"}
	args := func(out string, more ...string) []string { return append(append(from, "--out", m.path(out)), more...) }

	m.run(3, "pikadump", args("dump")...) // of some keys the expiry cannot be told
	id, err := age.GenerateX25519Identity()
	if err == nil {
		err = os.WriteFile(m.path("identity"), []byte(id.String()+"\n"), 0o600)
	}
	if err != nil {
		m.t.Fatal(err)
	}
	m.run(3, "pikadump", args("dump-encrypted", "--encrypt-to", id.Recipient().String(), "--type", "string,hash,zset")...)

	begun := func(out string) func() bool {
		return func() bool { return len(glob(m.path(out))) > 1 }
	}
	m.kill(begun("dump-started"), "pikadump", args("dump-started", "--rate-keys", "60", "--threads", "2")...)

	plan := m.run(0, "pikadump", "plan", "--uri", "redis://"+s.addr, "--json", "--shards", "2")
	if err := os.WriteFile(m.path("plan.json"), []byte(plan.stdout), 0o600); err != nil {
		m.t.Fatal(err)
	}
	shard := func(i string, more ...string) []string {
		return args("dump-shards", append(more, "--plan", m.path("plan.json"), "--shard", i)...)
	}
	m.run(0, "pikadump", shard("0/2")...)
	m.kill(func() bool { return len(chunksOf(m.path("dump-shards"), 1)) > 0 }, "pikadump", shard("1/2", "--rate-keys", "60", "--threads", "2")...)
}

// A made is a target on the way from a server to a directory of files.
type made struct {
	*maker
	name  string
	to    *redis.Client
	aof   string
	addr  string // of a proxy before the target
	slow  atomic.Bool
	state string
}

// target starts a target with the keys that it has before a load.
func (m *maker) target(name string) *made {
	m.t.Helper()
	home := m.t.TempDir()
	server := redisserver.Start(m.t, "--dir", home, "--appendonly", "yes", "--aof-use-rdb-preamble", "no", "--appendfsync", "always")
	d := &made{maker: m, name: name, to: client(m.t, server.Addr, 0), aof: home, state: m.path(name, "state")}
	proxy, err := faultproxy.Start(server.Addr, func(int) (p faultproxy.Plan) {
		if d.slow.Load() {
			p.Latency = 10 * time.Millisecond
		}
		return p
	})
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(proxy.Close)
	d.addr = proxy.Addr()
	for _, c := range beforeTarget {
		do(m.t, d.to, c...)
	}
	return d
}

// args are those of a command that works on the load.
func (d *made) args(command string, more ...string) []string {
	return append([]string{command, "--uri", "redis://" + d.addr, "--state", d.state}, append(beforeFlags(d.dir, d.name), more...)...)
}

// journal reports whether the newest journal holds a text.
func (d *made) journal(text string) func() bool {
	return func() bool {
		data, _ := os.ReadFile(filepath.Join(d.state, "journal.jsonl")) // it may not be there yet
		return strings.Contains(string(data), text)
	}
}

// keep keeps what the target holds: the commands with which an empty server comes to the same.
func (d *made) keep() {
	d.t.Helper()
	waitFor(d.t, "the end of all connections", func() bool {
		return strings.Count(d.to.ClientList(d.t.Context()).Val(), "addr=") <= 2 // ours, once as laddr=
	})
	files, err := filepath.Glob(filepath.Join(d.aof, "appendonlydir", "*.incr.aof"))
	if err != nil || len(files) != 1 {
		d.t.Fatalf("the log of redis-server: %v, %v", files, err)
	}
	data, err := os.ReadFile(files[0])
	if err == nil {
		err = os.WriteFile(d.path(d.name, "target.resp"), data, 0o600)
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

// load loads, and kills the load when its journal says something.
func (m *maker) load(name, until, command string, flags ...string) {
	d := m.target(name)
	if until == "" {
		m.run(3, "kvload", d.args(command, flags...)...)
	} else {
		slow := []string{"--rate-keys", "60", "--threads", "2", "--pipeline", "8", "--checkpoint", "1ms"}
		m.kill(d.journal(until), "kvload", d.args(command, append(flags, slow...)...)...)
	}
	d.keep()
}

// shards loads one of two shards, and kills the other one.
func (m *maker) shards() {
	d := m.target("load-shards")
	shard := func(i string, more ...string) []string {
		return d.args("load", append([]string{"--on-exists", "skip", "--shard", i}, more...)...)
	}
	m.run(3, "kvload", shard("0/2")...)
	begun := func() bool {
		data, _ := os.ReadFile(filepath.Join(d.state, "shard-0001-of-0002", "journal.jsonl"))
		return strings.Contains(string(data), `"done"`)
	}
	m.kill(begun, "kvload", shard("1/2", "--rate-keys", "60", "--threads", "2", "--pipeline", "8", "--checkpoint", "1ms")...)
	d.keep()
}

// rollback loads with --undo, and takes that back, or kills the rollback.
func (m *maker) rollback(name string, killed bool) {
	d := m.target(name)
	flags := []string{"--on-exists", "replace", "--undo", m.path(name, "undo")}
	m.run(3, "kvload", d.args("load", flags...)...)
	if !killed { // the target is as it was
		m.run(0, "kvload", d.args("rollback", flags...)...)
		return
	}
	all := d.to.DBSize(m.t.Context()).Val()
	d.slow.Store(true)
	fewer := func() bool { return d.to.DBSize(m.t.Context()).Val() < all-5 }
	m.kill(fewer, "kvload", d.args("rollback", append(flags, "--threads", "1", "--pipeline", "4")...)...)
	d.keep()
}

// beforeTarget is what the target holds before a load: a key of others, and two that the dump has,
// too.
var beforeTarget = [][]any{
	{"SET", "of others", "stays"},
	{"SET", "string:000007", "was there"},
	{"RPUSH", "zset:000003", "was", "there"},
}

// startBeforeSource starts the source of the dumps.
func startBeforeSource(t *testing.T) source {
	t.Helper()
	var server *pikasim.Server
	waitFor(t, beforeSource, func() (free bool) { // of another run of this test
		var err error
		server, err = pikasim.Start(pikasim.Options{Version: pikasim.V355, Databases: 2, Addr: beforeSource})
		return err == nil
	})
	t.Cleanup(func() { _ = server.Close() })
	s := source{addr: beforeSource, version: pikasim.V355}
	for db := range 2 {
		c := client(t, s.addr, db)
		for i := range 30 {
			n := fmt.Sprintf("%06d", i)
			do(t, c, "SET", "string:"+n, strings.Repeat(n, i))
			do(t, c, "HMSET", "hash:"+n, "field", n, "other", i)
			do(t, c, "RPUSH", "list:"+n, n, "b", "c")
			do(t, c, "SADD", "set:"+n, n, "b", "c")
			do(t, c, "ZADD", "zset:"+n, i, n, "-inf", "least")
			do(t, c, "XADD", "stream:"+n, fmt.Sprintf("%d-1", i+1), "field", n)
			if i%5 == 0 {
				for _, typ := range []string{"string:", "hash:", "list:", "set:", "zset:"} {
					do(t, c, "EXPIREAT", typ+n, firstExpiry+i)
				}
			}
		}
		do(t, c, "PFADD", "hyperloglog", "a", "b")
		for i := range 150 { // it has several parts
			do(t, c, "HSET", "large", fmt.Sprintf("field %04d", i), strings.Repeat("x", 12))
		}
		do(t, c, "SET", "of two types", "x") // a conflict
		do(t, c, "SADD", "of two types", "y")
	}
	return s
}

// beforeFlags are those of every command on a load: what is loaded, and where each database goes.
func beforeFlags(dir, name string) []string {
	in := "dump"
	if strings.HasSuffix(name, "encrypted") {
		in = "dump-encrypted"
	}
	return []string{"--quiet", "--in", filepath.Join(dir, in), "--map-db", "0=db:0,1=db:1", "--on-conflict", "suffix"}
}
