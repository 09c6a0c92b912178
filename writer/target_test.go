package writer

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestOpen(t *testing.T) {
	info := func(section, text string) map[string]string {
		return map[string]string{"INFO " + section: bulkString(text)}
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
		{"kvrocks 2.2", Options{}, info("server", "version:2.2.0\r\ngit_sha1:abc\r\n"), ErrPreflight, "2.3 is the oldest"},
		{"redis 6", Options{}, info("server", "redis_version:6.2.1\r\nredis_mode:standalone\r\n"), ErrPreflight, "7.0 is the oldest"},
		{"pika", Options{}, info("server", "# Server\r\npika_version:3.5.5\r\npika_git_sha:56ce467d\r\nos:Linux\r\n"), ErrPreflight, "is a Pika 3.5.5"},
		{"something else", Options{}, info("server", "name:x\r\n"), ErrPreflight, "neither"},
		{"sentinel", Options{}, info("server", "redis_version:7.0.15\r\nredis_mode:sentinel\r\n"), ErrPreflight, "sentinel mode"},
		{"replica", Options{}, info("replication", "role:slave\r\nmaster_host:10.0.0.1\r\nmaster_port:6666\r\n"), ErrPreflight, "10.0.0.1:6666"},
		{"loading", Options{}, info("persistence", "loading:1\r\n"), ErrPreflight, "still loading"},
		{"all but loaded", Options{}, map[string]string{"INFO": "-LOADING kvrocks is restoring the db from backup\r\n"}, ErrPreflight, "still loading"},
		{"no TIME, no CONFIG, no CLIENT INFO", Options{}, map[string]string{
			"TIME":   "-ERR unknown command TIME\r\n",
			"CONFIG": "-ERR admin permission required to perform the command\r\n",
			"CLIENT": "-ERR Syntax error, try CLIENT LIST|INFO\r\n",
		}, nil, ""},
		{"wants a password", Options{}, map[string]string{"HELLO": "-NOAUTH Authentication required.\r\n", "INFO": "-NOAUTH Authentication required.\r\n"}, ErrAuth, "wants a password"},
		{"wrong password", Options{Password: "hunter2"}, map[string]string{"AUTH": "-ERR Invalid password\r\n"}, ErrAuth, "it is wrong"},
		{"wrong password, redis", Options{Password: "hunter2"}, map[string]string{"AUTH": "-WRONGPASS invalid username-password pair or user is disabled.\r\n"}, ErrAuth, "it is wrong"},
		{"needless password", Options{Password: "hunter2"}, map[string]string{"AUTH": "-ERR Client sent AUTH, but no password is set\r\n"}, ErrAuth, "leave the password out"},
		{"a user for kvrocks", Options{Username: "u", Password: "hunter2"}, map[string]string{"AUTH": "-ERR wrong number of arguments\r\n"}, ErrAuth, "no user names"},
		{"unknown AUTH", Options{Password: "hunter2"}, map[string]string{"AUTH": "-ERR unknown command `AUTH`, with args beginning with: `hunter2`\r\n"}, ErrAuth, "refuses AUTH"},
		{"wrong token", Options{Keyspaces: map[int]Keyspace{0: {Token: "hunter2"}}}, map[string]string{"AUTH": "-ERR Invalid password\r\n"}, ErrAuth, "namespace token"},
		{"SELECT that does nothing", Options{Keyspaces: map[int]Keyspace{0: {}, 1: {DB: 1}}}, nil, ErrPreflight, "--map-db"},
		{"SELECT that does nothing, first", Options{Keyspaces: map[int]Keyspace{1: {DB: 1}}}, nil, ErrPreflight, "--map-db"},
		{"SELECT that is refused", Options{Keyspaces: map[int]Keyspace{0: {DB: 99}}}, map[string]string{"SELECT": "-ERR DB number is out of range\r\n"}, ErrPreflight, "out of range"},
		{"tokens of one namespace", Options{Keyspaces: map[int]Keyspace{0: {}, 1: {Token: "hunter2"}}}, map[string]string{"AUTH": "+OK\r\n"}, ErrPreflight, "same keyspace"},
		{"token for a redis", Options{Keyspaces: map[int]Keyspace{0: {Token: "hunter2"}}},
			map[string]string{"AUTH": "+OK\r\n", "INFO server": bulkString("redis_version:7.0.15\r\nredis_mode:standalone\r\n")}, ErrPreflight, "is a Redis"},
		{"closed at once", Options{}, map[string]string{"HELLO": ""}, nil, "connect to target"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := startFake(t, answer(tc.replies))
			tc.options.Addr = f.addr
			l, err := Open(t.Context(), tc.options)
			if tc.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if got := l.Target(); got.Server != kvrocks || got.Mode != "standalone" || got.Addr != f.addr || got.MaxBulk != 512<<20 {
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
	f := startFake(t, func(cmd []string) (string, bool) {
		handshake = append(handshake, strings.Join(cmd, " "))
		return "+OK\r\n", cmd[0] == "AUTH"
	})
	if _, err := Open(t.Context(), Options{Addr: f.addr, Password: "p"}); err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.Index(handshake, "AUTH p")
	if i < 0 || slices.ContainsFunc(handshake, func(s string) bool {
		return strings.HasPrefix(strings.ToUpper(s), "HELLO") && strings.Contains(s, "p ")
	}) {
		t.Errorf("handshake %q", handshake)
	}
}

func TestNoPlace(t *testing.T) {
	f := startFake(t, nil)
	l, err := Open(t.Context(), Options{Addr: f.addr})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.NewWorker(t.Context(), 1); !errors.Is(err, ErrPreflight) {
		t.Errorf("error %v", err)
	}
}

func TestAtLeast(t *testing.T) {
	for _, tc := range []struct {
		version string
		want    bool // 2.6 or later
	}{{"2.5.9", false}, {"2.6.0", true}, {"2.10.1", true}, {"3.0", true}, {"1.9", false}, {"unstable", true}, {"2", false}} {
		got := Target{Version: tc.version}
		if got.atLeast(2, 6) != tc.want {
			t.Errorf("%s", tc.version)
		}
	}
}

// TestNothingListens: neither an ErrAuth nor an ErrPreflight.
func TestNothingListens(t *testing.T) {
	_, err := Open(t.Context(), Options{Addr: "127.0.0.1:1"})
	if err == nil || errors.Is(err, ErrAuth) || errors.Is(err, ErrPreflight) || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("error %v", err)
	}
}
