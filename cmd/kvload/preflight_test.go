package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// TestDryRunRedis: every check of a real server, each of which can fail, and nothing is written.
func TestDryRunRedis(t *testing.T) {
	dir := makeDump(t, []format.Record{text("a", strings.Repeat("x", 4<<20)), hash("h", "f", "v")})
	command := func(addr string, args ...any) {
		t.Helper()
		c := redis.NewClient(&redis.Options{Addr: addr, Protocol: 2, DisableIdentity: true})
		defer c.Close()
		if err := c.Do(t.Context(), args...).Err(); err != nil {
			t.Fatalf("%v: %v", args, err)
		}
	}
	fields := func(s string) (args []any) {
		for f := range strings.FieldsSeq(s) {
			args = append(args, f)
		}
		return args
	}
	const rights = "~* +@connection +info +scan +time +multi +discard +del +pexpireat +set +mset +append +strlen +hlen"
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte("pw\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name   string
		server []string
		before func(addr string)
		flags  []string
		code   int
		says   []string // on stdout
	}{
		{"fit", nil, nil, nil, 0, []string{"ok       server         redis 7.0", "ok       commands", "ok       empty", "0 failed; nothing was written"}},
		{"maxclients", []string{"--maxclients", "2"}, nil, nil, 5, []string{"FAILED   connections", "raise maxclients"}},
		{"maxclients, fewer threads", []string{"--maxclients", "2"}, nil, []string{"--threads", "1"}, 0, nil},
		{"maxmemory", []string{"--maxmemory", "3mb"}, nil, nil, 5, []string{"FAILED   memory", "--accept memory"}},
		{"maxmemory, accepted", []string{"--maxmemory", "3mb"}, nil, []string{"--accept", "clock,memory"}, 0, []string{"warning  memory"}},
		{"eviction", []string{"--maxmemory", "1gb", "--maxmemory-policy", "allkeys-lru"}, nil, nil, 5, []string{"FAILED   eviction", "noeviction"}},
		{"eviction without maxmemory", []string{"--maxmemory-policy", "allkeys-lru"}, nil, nil, 0, nil},
		{"replica, and keys", nil, func(addr string) {
			command(addr, "SET", "x", "1")
			command(addr, "REPLICAOF", "127.0.0.1", "1")
		}, nil, 5, []string{"FAILED   role", "master 127.0.0.1:1", "FAILED   empty", "holds 1 key already", "READONLY"}},
		{"user without HSET", nil, func(addr string) { command(addr, fields("ACL SETUSER u on >pw "+rights)...) },
			[]string{"--user", "u", "--pass", "pw"}, 12, []string{"FAILED   commands", "HSET is refused: NOPERM"}},
		{"user with what is needed", nil, func(addr string) { command(addr, fields("ACL SETUSER u on >pw +hset "+rights)...) },
			[]string{"--user", "u", "--password-file", secret}, 0, nil},
		{"no such journal", nil, nil, []string{"--state", "/nosuch", "--resume"}, 0, []string{"none in /nosuch"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			addr := startRedis(t, tc.server...)
			if tc.before != nil {
				tc.before(addr)
			}
			before, err := os.ReadDir(filepath.Dir(dir))
			if err != nil {
				t.Fatal(err)
			}
			r := runCommand(append([]string{"load", "--uri", addr, "--in", dir, "--dry-run"}, tc.flags...)...)
			if r.code != tc.code || (r.stderr == "") != (r.code == 0) {
				t.Errorf("exit code %d, want %d: %s", r.code, tc.code, r.stderr)
			}
			for _, want := range tc.says {
				if !strings.Contains(r.stdout, want) {
					t.Errorf("it does not say %q:\n%s", want, r.stdout)
				}
			}
			if after, _ := os.ReadDir(filepath.Dir(dir)); len(after) != len(before) {
				t.Errorf("%d files beside the dump, %d before", len(after), len(before))
			}
			if tc.before == nil {
				c := redis.NewClient(&redis.Options{Addr: addr, Protocol: 2, DisableIdentity: true})
				defer c.Close()
				if n := c.DBSize(t.Context()).Val(); n != 0 {
					t.Errorf("%d keys were written", n)
				}
			}
		})
	}
}

// TestPreflightShows: a load says what is wrong, all of it, before it writes; and no more than that
// if nothing is.
func TestPreflightShows(t *testing.T) {
	dir := makeDump(t, []format.Record{text("a", "1")})
	addr := startRedis(t, "--maxclients", "4", "--maxmemory", "1gb", "--maxmemory-policy", "allkeys-lru")
	runCommand("load", "--uri", addr, "--in", dir, "--threads", "64", "--map-db", "0=db:0").failed(t, 5, "eviction: ", "is refused, and nothing was written", addr)
	r := runCommand("load", "--uri", addr, "--in", dir, "--accept", "eviction")
	if r.code != 0 || !strings.Contains(r.stderr, "warning: eviction: ") || !strings.Contains(r.stderr, "pre-flight: 11 checks, 1 warning\n") {
		t.Errorf("%d: %s", r.code, r.stderr)
	}
	runCommand("load", "--uri", addr, "--in", dir, "--accept", "role").failed(t, 2, "--accept")
}

func TestCreateNamespaces(t *testing.T) {
	dir := makeDump(t, []format.Record{text("a", "0")}, []format.Record{text("b", "1")}, []format.Record{text("c", "2")})
	t.Setenv("NS1", token)
	t.Setenv("NS2", token+"2")
	k := startKvrocks(t)
	k.SetPassword(password)
	t.Setenv("REDISCLI_AUTH", password)
	load := func(flags ...string) result {
		return runCommand(append([]string{"load", "--uri", k.Addr(), "--in", dir, "--map-db", "0=default,1=NS1,2=NS2@orders"}, flags...)...)
	}
	for _, r := range []result{load(), load("--dry-run")} {
		if r.code != 12 || !strings.Contains(r.stdout+r.stderr, "--create-namespaces makes it") || strings.Contains(r.stderr, "check --user") {
			t.Errorf("%d: %s%s", r.code, r.stdout, r.stderr)
		}
	}
	load().failed(t, 12, "keyspace db1", "keyspace db2", "--create-namespaces makes it")
	if r := load("--create-namespaces", "--dry-run"); r.code != 0 || !strings.Contains(r.stdout, "namespaces to be made: db1, orders") {
		t.Errorf("dry run: %d: %s%s", r.code, r.stdout, r.stderr)
	}
	if got := k.changes(); got != nil {
		t.Errorf("the dry run made %v", got)
	}
	r := load("--create-namespaces")
	if got, want := k.changes(), []string{"namespace db1", "namespace orders"}; r.code != 0 || !slices.Equal(got, want) {
		t.Errorf("%d, made %v: %s", r.code, got, r.stderr)
	}
	if strings.Contains(r.stderr, token) || strings.Contains(r.stderr, password) || !strings.Contains(r.stderr, "NAMESPACE ADD orders, for db2") {
		t.Errorf("%s", r.stderr)
	}
	if r := load("--create-namespaces", "--resume"); r.code != 0 || k.changes() != nil {
		t.Errorf("again: %d: %s", r.code, r.stderr)
	}
	for _, args := range [][]string{{"rollback"}, {"verify"}, {"load", "--resume"}} {
		runCommand(append(args, "--uri", k.Addr(), "--in", dir)...).failed(t, 5, "0 to the default, 1 to db1/, 2 to orders/", "--map-db that it had")
	}
	t.Setenv("NS1", wrong)
	load("--create-namespaces", "--state", t.TempDir()).failed(t, 5, "namespace db1, with another token")
	t.Setenv("REDISCLI_AUTH", "")
	load("--create-namespaces").failed(t, 2, "requirepass")
}

// TestObserve: a target that does not tell how it fares is loaded all the same.
func TestObserve(t *testing.T) {
	dir := makeDump(t, []format.Record{text("a", "1"), hash("h", "f", "v")})
	for _, reply := range []string{"# RocksDB\r\nnum_running_compactions:2\r\n", "-ERR no"} {
		replies := map[string]string{"INFO SERVER": infoKvrocks, "INFO ROCKSDB": reply, "INFO KEYSPACE": "used_disk_size:1\r\ndisk_capacity:1000000000\r\n",
			"CLIENT INFO": "id=2 namespace=__namespace cmd=client\n"}
		m := startScripted(t, replies)
		if r := runCommand("load", "--uri", m.Addr(), "--in", dir); r.code != 0 {
			t.Errorf("%q: %d: %s", reply, r.code, r.stderr)
		}
	}
}
