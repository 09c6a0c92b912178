package preflight

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/testserver"
	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// keyspace210 is INFO keyspace of a Kvrocks 2.10.1 (transcripts/kvrocks-2.10.1.jsonl).
const keyspace210 = "# Keyspace\r\n# WARN: DBSIZE SCAN never performed yet\r\ndb0:keys=0,expires=0,avg_ttl=0,expired=0\r\nsequence:0\r\n" +
	"used_db_size:0\r\nmax_db_size:0\r\nused_percent: 0%\r\ndisk_capacity:270553174016\r\nused_disk_size:191967543296\r\nused_disk_percent: 70.9537%\r\n"

// inspected asks a fake Kvrocks 2.10.1, which answers some commands otherwise.
func inspected(t *testing.T, o target.Options, need Need, replies map[string]string) (map[string]Check, error) {
	t.Helper()
	inMulti := false
	f := testserver.Start(t, func(cmd []string) (string, bool) {
		line := strings.ToUpper(strings.Join(cmd, " "))
		for prefix, reply := range replies {
			if strings.HasPrefix(line, prefix) {
				return reply, true
			}
		}
		switch {
		case line == "MULTI" || line == "DISCARD":
			inMulti = line == "MULTI"
			return "+OK\r\n", true
		case inMulti:
			return "+QUEUED\r\n", true
		case line == "INFO KEYSPACE":
			return testserver.Bulk(keyspace210), true
		case line == "INFO CLIENTS":
			return testserver.Bulk("# Clients\r\nmaxclients:1000\r\nconnected_clients:1\r\nmonitor_clients:0\r\nblocked_clients:0\r\n"), true
		case strings.HasPrefix(line, "SCAN"):
			return "*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n", true
		}
		return "", false
	})
	o.Addr = f.Addr
	facts, err := Inspect(t.Context(), o, need)
	if err != nil {
		return nil, err
	}
	checks := map[string]Check{}
	for _, c := range facts.Checks(need) {
		checks[c.Name] = c
	}
	for _, cmd := range f.Commands() {
		word, _, _ := strings.Cut(cmd, " ")
		if slices.Contains([]string{"CONFIG", "NAMESPACE", "FLUSHDB", "EXEC"}, word) && !strings.Contains(cmd, " GET ") {
			t.Errorf("an inspection sends %q", cmd)
		}
	}
	return checks, nil
}

func TestChecks(t *testing.T) {
	info := func(section, text string) map[string]string {
		return map[string]string{"INFO " + strings.ToUpper(section): testserver.Bulk(text)}
	}
	const gib = 1 << 30
	timeReply := func(d time.Duration) map[string]string {
		at := time.Now().Add(d).Format("20060102150405")
		parsed, _ := time.ParseInLocation("20060102150405", at, time.Local)
		return map[string]string{"TIME": "*2\r\n" + testserver.Bulk(strconv.FormatInt(parsed.Unix(), 10)) + testserver.Bulk("0")}
	}
	for _, tc := range []struct {
		name    string
		need    Need
		replies map[string]string
		check   string
		level   Level
		says    string // of Found and Advice
	}{
		{"server", Need{}, nil, "server", OK, "kvrocks 2.10.1, standalone"},
		{"Kvrocks 2.3 names only its version", Need{}, info("server", "version:2.3.0\r\ngit_sha1:abc\r\n"), "server", OK, "kvrocks 2.3.0"},
		{"Kvrocks 2.2", Need{}, info("server", "version:2.2.0\r\ngit_sha1:abc\r\n"), "server", Failed, "2.3 is the oldest"},
		{"replica", Need{}, info("replication", "role:slave\r\nmaster_host:10.0.0.1\r\nmaster_port:6666\r\n"), "role", Failed, "master 10.0.0.1:6666"},
		{"loading", Need{}, info("persistence", "loading:1\r\n"), "loading", Failed, "try again when it is done"},
		{"all commands", Need{Types: format.Types, Expiring: 1}, nil, "commands", OK, "known and allowed"},
		{"renamed", Need{Types: format.Types}, map[string]string{"HSET": "-ERR unknown command `HSET`, with args beginning with: `x`\r\n"}, "commands", Failed, "HSET is refused: ERR unknown command"},
		{"renamed, not needed", Need{Types: []format.Type{format.TypeString}}, map[string]string{"HSET": "-ERR unknown command\r\n"}, "commands", OK, ""},
		{"no PXAT", Need{Types: format.Types}, map[string]string{"SET ": "-ERR syntax error\r\n"}, "commands", Failed, "SET is refused: ERR syntax error"},
		{"forbidden", Need{Types: format.Types}, map[string]string{"DEL": "-NOPERM no permission\r\n"}, "commands", Failed, "give the user the right"},
		{"another node's", Need{Types: format.Types}, map[string]string{"DEL": "-MOVED 1 127.0.0.1:1\r\n"}, "commands", OK, ""},
		{"no MULTI", Need{}, map[string]string{"MULTI": "-ERR unknown command\r\n"}, "commands", Warning, "cannot be tried beforehand"},
		{"clock", Need{Expiring: 1}, nil, "clock", OK, "within a second of this host's"},
		{"clock ahead", Need{Expiring: 1}, timeReply(time.Minute), "clock", Warning, "early"},
		{"clock far ahead", Need{Expiring: 1}, timeReply(time.Hour), "clock", Failed, "--accept clock"},
		{"clock a year ahead", Need{Expiring: 1}, timeReply(365 * 24 * time.Hour), "clock", Failed, "365 days ahead of this host's"},
		{"clock far ahead, accepted", Need{Expiring: 1, Accept: []string{"clock"}}, timeReply(time.Hour), "clock", Warning, "accepted"},
		{"clock far ahead, nothing expires", Need{}, timeReply(time.Hour), "clock", Warning, "no key of the dump expires"},
		{"clock far behind", Need{Expiring: 1}, timeReply(-time.Hour), "clock", Failed, "too long"},
		{"clock before the dump", Need{Expiring: 1, Dumped: time.Now().Add(time.Minute)}, nil, "clock", Warning, "before the end of the dump"},
		{"source's clock ahead", Need{Expiring: 1, SourceAhead: time.Hour}, nil, "clock", Failed, "behind the source's"},
		{"no TIME", Need{Expiring: 1}, map[string]string{"TIME": "-ERR unknown command TIME\r\n"}, "clock", Warning, "not told"},
		{"connections", Need{Connections: 999}, nil, "connections", OK, "1 of 1000"},
		{"too many connections", Need{Connections: 1001}, nil, "connections", Failed, "raise maxclients"},
		{"disk", Need{Raw: 30 * gib}, nil, "disk", OK, "73.2 GiB are free"},
		{"disk for compactions", Need{Raw: 50 * gib}, nil, "disk", Warning, "compactions"},
		{"disk too small", Need{Raw: 80 * gib}, nil, "disk", Failed, "--accept disk"},
		{"disk too small for what is left", Need{Raw: 80 * gib, Partly: true}, nil, "disk", Warning, "a part"},
		{"disk not told", Need{}, info("keyspace", "db0:keys=0\r\n"), "disk", Warning, "does not tell"},
		{"no max-db-size", Need{Raw: 80 * gib, Accept: []string{"disk"}}, nil, "max-db-size", OK, "no limit"},
		{"max-db-size", Need{Raw: gib}, info("keyspace", "used_db_size:100\r\nmax_db_size:10737418240\r\nused_percent: 50%\r\n"), "max-db-size", OK, "5.0 GiB of 10.0 GiB"},
		{"max-db-size too small", Need{Raw: 6 * gib}, info("keyspace", "used_db_size:100\r\nmax_db_size:10737418240\r\nused_percent: 50%\r\n"), "max-db-size", Failed, "CONFIG SET max-db-size 12"},
		{"max-db-size reached", Need{Partly: true}, info("keyspace", "used_db_size:10737418240\r\nmax_db_size:10737418240\r\n"), "max-db-size", Failed, "takes no more writes"},
		{"empty not asked", Need{}, nil, "empty", OK, ""},
		{"tune", Need{Tune: true}, nil, "tune", OK, ""},
		{"tune, not allowed", Need{Tune: true}, map[string]string{"CONFIG": "-ERR admin permission required to perform the command\r\n"}, "tune", Failed, "requirepass"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			checks, err := inspected(t, target.Options{}, tc.need, tc.replies)
			if err != nil {
				t.Fatal(err)
			}
			c := checks[tc.check]
			if c.Level != tc.level || !strings.Contains(c.String(), tc.says) {
				t.Errorf("%v %v, want %v %q", c.Level, c, tc.level, tc.says)
			}
			for name, other := range checks {
				if other.Level == Failed && name != tc.check {
					t.Errorf("%v fails as well", other)
				}
			}
		})
	}
}

// TestCheckEmpty: how many keys there are is told up to the limit of the count.
func TestCheckEmpty(t *testing.T) {
	f := testserver.Start(t, func(cmd []string) (string, bool) {
		return "*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n", cmd[0] == "SCAN"
	})
	for limit, says := range map[int]string{10: "holds 2 keys already", 1: "holds more than 1 key already"} {
		facts, err := Inspect(t.Context(), target.Options{Addr: f.Addr}, Need{})
		if err == nil {
			err = facts.Count(t.Context(), limit)
		}
		if err != nil {
			t.Fatal(err)
		}
		if i := slices.IndexFunc(facts.Checks(Need{}), func(c Check) bool {
			return c.Name == "empty" && c.Level == Failed && strings.Contains(c.Found, says)
		}); i < 0 {
			t.Errorf("no %q in %v", says, facts.Checks(Need{}))
		}
	}
}

// TestMultiRefused: a command of the probe is never sent where it would be run.
func TestMultiRefused(t *testing.T) {
	f := testserver.Start(t, func(cmd []string) (string, bool) {
		if cmd[0] == "MULTI" {
			return "-ERR unknown command\r\n", true
		}
		return "", false
	})
	if _, err := Inspect(t.Context(), target.Options{Addr: f.Addr}, Need{Types: format.Types, Expiring: 1}); err != nil {
		t.Fatal(err)
	}
	for _, cmd := range f.Commands() {
		if word, _, _ := strings.Cut(cmd, " "); word == "SET" || word == "DEL" || word == "HSET" || word == "XSETID" {
			t.Errorf("%q was sent", cmd)
		}
	}
}

func TestKeyspaceChecks(t *testing.T) {
	two := target.Options{Password: "hunter2", Keyspaces: map[int]target.Keyspace{0: {}, 1: {Token: "hunter3"}}}
	wrong := map[string]string{"AUTH HUNTER2": "+OK\r\n", "AUTH HUNTER3": "-ERR Invalid password\r\n"}
	with := func(reply string) map[string]string {
		return map[string]string{"AUTH HUNTER2": wrong["AUTH HUNTER2"], "AUTH HUNTER3": wrong["AUTH HUNTER3"], "NAMESPACE GET": reply}
	}
	create := Need{Create: map[int]string{1: "ns"}}
	for _, tc := range []struct {
		name    string
		need    Need
		replies map[string]string
		check   string
		level   Level
		says    string
	}{
		{"token that nobody knows", Need{}, wrong, "keyspace db1", Failed, "--create-namespaces makes it"},
		{"to be made", create, with("$-1\r\n"), "keyspaces", OK, "to be made: ns"},
		{"of another token", create, with(testserver.Bulk("hunter4")), "keyspace db1", Failed, "with another token"},
		{"not by this password", create, with("-ERR admin permission required to perform the command\r\n"), "keyspace db1", Failed, "requirepass"},
		{"one keyspace for both", Need{}, map[string]string{"AUTH": "+OK\r\n"}, "keyspace db1", Failed, "same keyspace"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			checks, err := inspected(t, two, tc.need, tc.replies)
			if err != nil {
				t.Fatal(err)
			}
			if c := checks[tc.check]; c.Level != tc.level || !strings.Contains(c.String(), tc.says) || strings.Contains(c.String(), "hunter") {
				t.Errorf("%v %v, want %v %q", c.Level, c, tc.level, tc.says)
			}
		})
	}
}

func TestCreateNamespaceRefused(t *testing.T) {
	for reply, want := range map[string]string{ // in the words of Kvrocks 2.10.1
		"ERR forbidden to add namespace when requirepass was empty":                                                      "set requirepass",
		"ERR forbidden to add namespace when cluster mode was enabled":                                                   "a cluster has no namespaces",
		"ERR modify namespace requires the server is running with a configuration file or enabled namespace replication": "-c FILE",
		"ERR admin permission required to perform the command":                                                           "requirepass",
		"ERR the namespace already exists":                                                                               "another token",
		"ERR the token already exists":                                                                                   "another namespace",
		"ERR unknown command `NAMESPACE`, with args beginning with: `ADD`, `ns`, `hunter3`":                              "NAMESPACE ADD",
	} {
		f := testserver.Start(t, testserver.Answer(map[string]string{"NAMESPACE": "-" + reply + "\r\n", "AUTH": "+OK\r\n"}))
		err := CreateNamespaces(t.Context(), target.Options{Addr: f.Addr, Password: "hunter2", Keyspaces: map[int]target.Keyspace{1: {Token: "hunter3"}}}, map[int]string{1: "ns"})
		if !errors.Is(err, conn.ErrPreflight) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter") {
			t.Errorf("%s: %v", reply, err)
		}
	}
}

// TestInspectServers: real servers know every command of a load, and an inspection and a probe
// leave nothing.
func TestInspectServers(t *testing.T) {
	testserver.Each(t, func(t *testing.T, addr string, c *redis.Client) {
		need := Need{Raw: 1 << 20, Types: format.Types, Expiring: 1, Connections: 5, Tune: true, Dumped: time.Now().Add(-time.Hour)}
		facts, err := Inspect(t.Context(), target.Options{Addr: addr}, need)
		if err == nil {
			err = facts.Count(t.Context(), 10)
		}
		if err != nil {
			t.Fatal(err)
		}
		checks := facts.Checks(need)
		t.Log(checks)
		for _, c := range checks {
			if c.Level != OK && c.Name != "tune" {
				t.Errorf("%v: %v", c.Level, c)
			}
		}
		l, err := target.Open(t.Context(), target.Options{Addr: addr})
		if err != nil {
			t.Fatal(err)
		}
		if err := Probe(t.Context(), l); err != nil {
			t.Error(err)
		}
		if n, _, err := l.Count(t.Context(), 10, 0); n != 0 || err != nil {
			t.Errorf("%d keys are left, %v", n, err)
		}
	})
}
