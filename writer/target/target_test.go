package target

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/testserver"
	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
)

func TestOpen(t *testing.T) {
	info := func(section, text string) map[string]string {
		return map[string]string{"INFO " + section: testserver.Bulk(text)}
	}
	for _, tc := range []struct {
		name    string
		options Options
		replies map[string]string
		is      error
		want    string // part of the error
	}{
		{"kvrocks", Options{}, nil, nil, ""},
		{"nightly kvrocks", Options{}, info("server", "version:unstable\r\nkvrocks_version:unstable\r\nkvrocks_mode:standalone\r\n"), nil, ""},
		{"kvrocks 2.2", Options{}, info("server", "version:2.2.0\r\ngit_sha1:abc\r\n"), conn.ErrPreflight, "2.3 is the oldest"},
		{"redis 6", Options{}, info("server", "redis_version:6.2.1\r\nredis_mode:standalone\r\n"), conn.ErrPreflight, "7.0 is the oldest"},
		{"pika", Options{}, info("server", "# Server\r\npika_version:3.5.5\r\npika_git_sha:56ce467d\r\nos:Linux\r\n"), conn.ErrPreflight, "is a Pika 3.5.5"},
		{"something else", Options{}, info("server", "name:x\r\n"), conn.ErrPreflight, "neither"},
		{"sentinel", Options{}, info("server", "redis_version:7.0.15\r\nredis_mode:sentinel\r\n"), conn.ErrPreflight, "sentinel mode"},
		{"replica", Options{}, info("replication", "role:slave\r\nmaster_host:10.0.0.1\r\nmaster_port:6666\r\n"), conn.ErrPreflight, "10.0.0.1:6666"},
		{"loading", Options{}, info("persistence", "loading:1\r\n"), conn.ErrPreflight, "still loading"},
		{"all but loaded", Options{}, map[string]string{"INFO": "-LOADING kvrocks is restoring the db from backup\r\n"}, conn.ErrPreflight, "still loading"},
		{"loading again", Options{}, map[string]string{"TIME": "-LOADING Redis is loading the dataset in memory\r\n"}, conn.ErrPreflight, "still loading"},
		{"no TIME, no CONFIG, no CLIENT INFO", Options{}, map[string]string{
			"TIME":   "-ERR unknown command TIME\r\n",
			"CONFIG": "-ERR admin permission required to perform the command\r\n",
			"CLIENT": "-ERR Syntax error, try CLIENT LIST|INFO\r\n",
		}, nil, ""},
		{"wants a password", Options{}, map[string]string{"INFO": "-NOAUTH Authentication required.\r\n"}, conn.ErrAuth, "wants a password"},
		{"wrong password", Options{Password: "hunter2"}, map[string]string{"AUTH": "-ERR Invalid password\r\n"}, conn.ErrAuth, "it is wrong"},
		{"wrong password, redis", Options{Password: "hunter2"}, map[string]string{"AUTH": "-WRONGPASS invalid username-password pair or user is disabled.\r\n"}, conn.ErrAuth, "it is wrong"},
		{"needless password", Options{Password: "hunter2"}, map[string]string{"AUTH": "-ERR Client sent AUTH, but no password is set\r\n"}, conn.ErrAuth, "leave the password out"},
		{"a user for kvrocks", Options{Username: "u", Password: "hunter2"}, map[string]string{"AUTH": "-ERR wrong number of arguments\r\n"}, conn.ErrAuth, "no user names"},
		{"unknown AUTH", Options{Password: "hunter2"}, map[string]string{"AUTH": "-ERR unknown command `AUTH`, with args beginning with: `hunter2`\r\n"}, conn.ErrAuth, "refuses AUTH"},
		{"wrong token", Options{Keyspaces: map[int]Keyspace{0: {Token: "hunter2"}}}, map[string]string{"AUTH": "-ERR Invalid password\r\n"}, conn.ErrAuth, "namespace token"},
		{"SELECT that does nothing", Options{Keyspaces: map[int]Keyspace{0: {}, 1: {DB: 1}}}, nil, conn.ErrPreflight, "--map-db"},
		{"SELECT that does nothing, first", Options{Keyspaces: map[int]Keyspace{1: {DB: 1}}}, nil, conn.ErrPreflight, "--map-db"},
		{"SELECT that is refused", Options{Keyspaces: map[int]Keyspace{0: {DB: 99}}}, map[string]string{"SELECT": "-ERR DB number is out of range\r\n"}, conn.ErrPreflight, "out of range"},
		{"tokens of one namespace", Options{Keyspaces: map[int]Keyspace{0: {}, 1: {Token: "hunter2"}}}, map[string]string{"AUTH": "+OK\r\n"}, conn.ErrPreflight, "same keyspace"},
		{"token for a redis", Options{Keyspaces: map[int]Keyspace{0: {Token: "hunter2"}}},
			map[string]string{"AUTH": "+OK\r\n", "INFO server": testserver.Bulk("redis_version:7.0.15\r\nredis_mode:standalone\r\n")}, conn.ErrPreflight, "is a Redis"},
		{"closed at once", Options{}, map[string]string{"INFO": ""}, nil, "connect to target"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := testserver.Start(t, testserver.Answer(tc.replies))
			tc.options.Addr = f.Addr
			l, err := Open(t.Context(), tc.options)
			if tc.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if got := l.Info; got.Server != kvrocks || got.Mode != "standalone" || got.Addr != f.Addr || got.MaxBulk != 512<<20 {
					t.Errorf("target %+v", got)
				}
				return
			}
			if err == nil {
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error %q, want %q", err, tc.want)
			}
			if tc.is != nil && !errors.Is(err, tc.is) {
				t.Errorf("error %q is no %q", err, tc.is)
			}
		})
	}
}

// TestAuthIsPlain: AUTH goes by itself, and never inside HELLO.
func TestAuthIsPlain(t *testing.T) {
	var handshake []string
	f := testserver.Start(t, func(cmd []string) (string, bool) {
		handshake = append(handshake, strings.Join(cmd, " "))
		return "+OK\r\n", cmd[0] == "AUTH"
	})
	if _, err := Open(t.Context(), Options{Addr: f.Addr, Password: "p"}); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(handshake, "AUTH p") || slices.ContainsFunc(handshake, func(s string) bool {
		return strings.HasPrefix(strings.ToUpper(s), "HELLO") && strings.Contains(s, "p ")
	}) {
		t.Errorf("handshake %q", handshake)
	}
}

func TestNoPlace(t *testing.T) {
	f := testserver.Start(t, nil)
	l, err := Open(t.Context(), Options{Addr: f.Addr})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Router(t.Context(), 1, false); !errors.Is(err, conn.ErrPreflight) {
		t.Errorf("error %v", err)
	}
}

func TestAtLeast(t *testing.T) {
	for _, tc := range []struct {
		version string
		want    bool // 2.6 or later
	}{{"2.5.9", false}, {"2.6.0", true}, {"2.10.1", true}, {"3.0", true}, {"1.9", false}, {"unstable", true}, {"2", false}} {
		got := Info{Version: tc.version}
		if got.AtLeast(2, 6) != tc.want {
			t.Errorf("%s", tc.version)
		}
	}
}

// TestNothingListens: neither an conn.ErrAuth nor an conn.ErrPreflight.
func TestNothingListens(t *testing.T) {
	_, err := Open(t.Context(), Options{Addr: "127.0.0.1:1"})
	if err == nil || errors.Is(err, conn.ErrAuth) || errors.Is(err, conn.ErrPreflight) || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("error %v", err)
	}
}

// TestClusterTarget: a cluster can do what all of its masters can.
func TestClusterTarget(t *testing.T) {
	fc := testserver.StartCluster(t, 2, func(node int, cmd []string) (string, bool) {
		switch {
		case node == 0:
		case cmd[0] == "TIME":
			return "*2\r\n" + testserver.Bulk(strconv.FormatInt(time.Now().Unix()+100, 10)) + testserver.Bulk("0"), true
		case cmd[0] == "CONFIG":
			return "*2\r\n" + testserver.Bulk("proto-max-bulk-len") + testserver.Bulk("1048576"), true
		case cmd[0] == "INFO" && cmd[1] == "server":
			return testserver.Bulk("kvrocks_version:2.9.0\r\nkvrocks_mode:cluster\r\n"), true
		}
		return "", false
	})
	l, err := Open(t.Context(), Options{Addr: fc.Nodes[0].Addr})
	if err != nil {
		t.Fatal(err)
	}
	got := l.Info
	if got.Version != "2.9.0" || got.MaxBulk != 1<<20 || got.ClockOffset < 90*time.Second || got.Masters != 2 || len(got.Nodes) != 2 || got.Addr != fc.Nodes[0].Addr {
		t.Errorf("%+v", got)
	}
}

// TestSettled: slots that are on their way refuse a cluster.
func TestSettled(t *testing.T) {
	for info, want := range map[string]string{
		"cluster_state:ok\r\nmigrating_slot(s): 5061\r\ndestination_node: b\r\nmigrating_state: start\r\n": "migrating_slot 5061",
		"cluster_state:ok\r\nimporting_slot(s): 1-9\r\nimport_state: start\r\n":                            "importing_slot 1-9",
		"cluster_state:ok\r\nmigrating_slot: 7\r\nmigrating_state: start\r\n":                              "migrating_slot 7",
		"cluster_state:ok\r\nmigrating_slot(s): 5061\r\nmigrating_state: success\r\n":                      "",
	} {
		fc := testserver.StartCluster(t, 2, func(node int, cmd []string) (string, bool) {
			return testserver.Bulk(info), node == 1 && cmd[0] == "CLUSTER" && cmd[1] == "INFO"
		})
		l, err := Open(t.Context(), Options{Addr: fc.Nodes[0].Addr})
		if err == nil {
			err = l.Settled(t.Context())
		}
		if want == "" && err != nil || want != "" && (!errors.Is(err, conn.ErrPreflight) || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v", info, err)
		}
	}
}

func TestCount(t *testing.T) {
	testserver.Each(t, func(t *testing.T, addr string, c *redis.Client) {
		l, err := Open(t.Context(), Options{Addr: addr})
		if err != nil {
			t.Fatal(err)
		}
		count := func(limit, want int, wantMore bool) {
			t.Helper()
			n, more, err := l.Count(t.Context(), limit, 0)
			if n != want || more != wantMore || err != nil {
				t.Errorf("limit %d: %d, %v, %v", limit, n, more, err)
			}
		}
		count(1, 0, false)
		count(0, 0, false)
		for i := range 2500 {
			if err := c.Set(t.Context(), "k"+strconv.Itoa(i), "", 0).Err(); err != nil {
				t.Fatal(err)
			}
		}
		count(1, 1, true)
		count(2499, 2499, true)
		count(2500, 2500, false)
		count(0, 2500, false)
	})
}
