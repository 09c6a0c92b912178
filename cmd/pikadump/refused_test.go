package main

import (
	"fmt"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/freeport"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/redisserver"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
)

func bulk(s string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(s), s) }

// infoKvrocks is what a Kvrocks 2.10.1 answered (transcripts), shortened.
const infoKvrocks = "# Server\r\nversion:2.10.1\r\nkvrocks_version:2.10.1\r\nredis_version:4.0.0\r\ngit_sha1:dc4d5303\r\n" +
	"kvrocks_git_sha1:dc4d5303\r\nredis_mode:standalone\r\nkvrocks_mode:standalone\r\n"

// closedPort returns an address at which nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	addr := freeport.Addr()
	return addr
}

// TestRefusedSource: what is no Pika that can be dumped, or does not let us in.
func TestRefusedSource(t *testing.T) {
	user := func(name, pw string) string { return url.UserPassword(name, pw).String() + "@" }
	info := func(text string) map[string]string { return map[string]string{"INFO SERVER": bulk(text)} }
	for _, tc := range []struct {
		name    string
		options pikasim.Options
		replies map[string]string
		user    string // of the URI
		code    int
		says    []string
	}{
		{"wrong password, 3.4.0", pikasim.Options{Version: pikasim.V340, Password: password}, nil, user("", wrong), 12,
			[]string{"not authorised", "invalid password", "check --user and the password"}},
		{"wrong password, taken for the limited user's", pikasim.Options{Password: password}, nil, user("", wrong), 12,
			[]string{"not authorised", "is the password right?", "limited user", "says OK to a wrong one"}},
		{"wrong password, 4.0.1", pikasim.Options{Version: pikasim.V401, Password: password}, nil, user("", wrong), 12,
			[]string{"not authorised"}},
		{"no password given", pikasim.Options{Password: password}, nil, "", 12, []string{"NOAUTH", "check --user and the password"}},
		{"no password given, 3.4.0", pikasim.Options{Version: pikasim.V340, Password: password}, nil, "", 12, []string{"NOAUTH"}},
		{"a password for a server without", pikasim.Options{}, nil, user("", wrong), 12,
			[]string{"no password is set", "leave them out where the server has none"}},
		{"a server that repeats what it does not know", pikasim.Options{},
			map[string]string{"AUTH": "-ERR unknown command 'AUTH', with args beginning with: '" + wrong + "' \r\n"}, user("", wrong), 12,
			[]string{"does not take AUTH; is it a Pika?"}},
		{"unknown user", pikasim.Options{Password: password}, nil, user("nobody", password), 12, []string{"WRONGPASS"}},
		{"user names unknown, 3.4.0", pikasim.Options{Version: pikasim.V340, Password: password}, nil, user("nobody", password), 12,
			[]string{"AUTH", "check --user"}},
		{"a Kvrocks", pikasim.Options{}, info(infoKvrocks), "", 5, []string{"is a Kvrocks 2.10.1, not a Pika"}},
		{"a scripted Redis", pikasim.Options{}, info("# Server\r\nredis_version:7.2.4\r\nredis_mode:standalone\r\n"), "", 5,
			[]string{"is a Redis 7.2.4, not a Pika"}},
		{"a proxy with an INFO of its own", pikasim.Options{}, info("# Proxy\r\nversion:1\r\n"), "", 5,
			[]string{"no pika_version", "proxy", "each server itself"}},
		{"a proxy without INFO", pikasim.Options{}, map[string]string{"INFO": "-ERR command 'INFO' is not allowed\r\n"}, "", 5,
			[]string{"INFO server", "not allowed", "proxy", "the address of each Pika"}},
		{"Codis", pikasim.Options{}, map[string]string{"INFO": "-ERR backend server 'server' not found\r\n", "CONFIG": "-ERR command 'CONFIG' is not allowed\r\n"}, "", 5,
			[]string{"INFO server", "the address of each Pika"}},
		{"a proxy that passes INFO on", pikasim.Options{}, map[string]string{"CONFIG": "-ERR command 'CONFIG' is not allowed\r\n", "TIME": "-ERR command 'TIME' is not allowed\r\n"}, "", 5,
			[]string{"TIME", "the address of each Pika"}},
		{"twemproxy", pikasim.Options{}, map[string]string{"SELECT": ""}, "", 75, []string{"twemproxy", "the address of each Pika"}},
		{"sharding mode, without CONFIG", pikasim.Options{Version: pikasim.V340},
			map[string]string{"CONFIG": "-ERR NOAUTH Authentication required.\r\n", "SELECT 1": "-ERR invalid Table for 'select'\r\n"}, "", 5, []string{"sharding mode"}},
		{"sharding mode", pikasim.Options{Version: pikasim.V340, Config: map[string]string{"instance-mode": "sharding"}}, nil, "", 5,
			[]string{"sharding mode", "classic mode first"}},
		{"Pika 1.2.0", pikasim.Options{}, info("# Server\r\npika_version:1.2.0\r\n"), "", 5, []string{"Pika 1.2.0 is too old"}},
		{"a version that is no number", pikasim.Options{}, info("# Server\r\npika_version:unstable\r\n"), "", 5, []string{"not a Pika"}},
		{"PKSCANRANGE and SCANX renamed", pikasim.Options{},
			map[string]string{"PKSCANRANGE": "-ERR unknown command \"pkscanrange\"\r\n", "SCANX": "-ERR unknown command \"scanx\"\r\n"}, "", 5,
			[]string{"PKSCANRANGE", "renamed or blacklisted", "rename-command", "SCANX cannot be used either", "--scan scan"}},
		{"PKSCANRANGE and SCANX blacklisted, 3.4.0", pikasim.Options{Version: pikasim.V340},
			map[string]string{"PKSCANRANGE": "-ERR NOAUTH Authentication required.\r\n", "SCANX": "-ERR NOAUTH Authentication required.\r\n"}, "", 12,
			[]string{"PKSCANRANGE", "may not send what a dump needs", "userblacklist", "SCANX cannot be used either"}},
		{"LRANGE not allowed to the account", pikasim.Options{},
			map[string]string{"LRANGE": "-NOPERM this user has no permissions to run the 'lrange' command\r\n"}, "", 12,
			[]string{"LRANGE", "may not send what a dump needs", "ACL SETUSER default +lrange"}},
		{"XINFO not allowed to the account", pikasim.Options{},
			map[string]string{"XINFO": "-NOPERM this user has no permissions to run the 'xinfo' command\r\n"}, "", 12,
			[]string{"XINFO", "--streams off"}},
		{"KEYS renamed", pikasim.Options{}, map[string]string{"KEYS": "-ERR unknown command \"keys\"\r\n"}, "", 5,
			[]string{"KEYS", "--streams off"}},
		{"too many databases", pikasim.Options{Config: map[string]string{"databases": "70000"}}, nil, "", 5, []string{"70000 databases"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.replies != nil {
				tc.options.Intercept = smallpika.Answer(tc.replies)
			}
			s := smallpika.Start(t, tc.options)
			out := filepath.Join(t.TempDir(), "dump")
			r := runCommand("dump", "--uri", "redis://"+tc.user+s.Addr(), "--out", out)
			r.failed(t, tc.code, tc.says...)
			if left := files(t, out); len(left) > 0 {
				t.Errorf("before anything was read there are %v", left)
			}
		})
	}
}

func TestNobodyThere(t *testing.T) {
	addr := closedPort(t)
	out := filepath.Join(t.TempDir(), "dump")
	runCommand("dump", "--uri", "redis://"+addr, "--out", out).
		failed(t, 75, addr, "connection refused", "is the address right, and is the server running?")
	runCommand("dump", "--uri", "redis://:"+url.QueryEscape(password)+"@no-such-host.invalid", "--out", out).
		failed(t, 75, "no-such-host.invalid")
	if left := files(t, out); len(left) > 0 {
		t.Errorf("there are %v", left)
	}
}

// TestRealRedis: a real redis-server is told from a Pika.
func TestRealRedis(t *testing.T) {
	addr := redisserver.Start(t).Addr
	out := filepath.Join(t.TempDir(), "dump")
	runCommand("dump", "--uri", "redis://"+addr, "--out", out).failed(t, 5, "is a Redis ", "not a Pika", addr)
	runCommand("dump", "--uri", "redis://:wr0ng%23pw@"+addr, "--out", out).failed(t, 12, "AUTH")
}
