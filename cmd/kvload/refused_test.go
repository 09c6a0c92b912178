package main

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/freeport"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// infoKvrocks is what a Kvrocks 2.10.1 answered (transcripts), shortened.
const infoKvrocks = "# Server\r\nversion:2.10.1\r\nkvrocks_version:2.10.1\r\nredis_version:4.0.0\r\ngit_sha1:dc4d5303\r\n" +
	"kvrocks_git_sha1:dc4d5303\r\nredis_mode:standalone\r\nkvrocks_mode:standalone\r\n"

// closedPort returns an address at which nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	addr := freeport.Addr()
	return addr
}

func TestNobodyThere(t *testing.T) {
	addr := closedPort(t)
	dir := makeDump(t, []format.Record{text("a", "1")})
	runCommand("load", "--uri", "redis://"+addr, "--in", dir).
		failed(t, 75, "connect to target "+addr, "connection refused")
	runCommand("load", "--uri", "redis://:"+url.QueryEscape(password)+"@no-such-host.invalid", "--in", dir).
		failed(t, 75, "no-such-host.invalid")
}

// TestRefusedTarget: what cannot be loaded, or does not let us in. Nothing is written.
func TestRefusedTarget(t *testing.T) {
	user := func(name, pw string) string { return url.UserPassword(name, pw).String() + "@" }
	kvrocks := func(replies map[string]string) map[string]string {
		replies["INFO SERVER"] = infoKvrocks
		return replies
	}
	for _, tc := range []struct {
		name    string
		auth    string // password of the target
		replies map[string]string
		user    string // of the URI
		code    int
		says    []string
	}{
		{"wrong password", password, nil, user("", wrong), 12, []string{"refuses the password", "check --user and the password"}},
		{"wrong user", password, nil, user("nobody", password), 12, []string{"refuses the user name or the password"}},
		{"no password", password, map[string]string{"INFO": "-NOAUTH Authentication required."}, "", 12, []string{"wants a password"}},
		{"password not needed", "", nil, user("", wrong), 12, []string{"has no password: leave the password out"}},
		{"Kvrocks, wrong password", "", kvrocks(map[string]string{"AUTH": "-WRONGPASS invalid username-password pair or user is disabled."}),
			user("", wrong), 12, []string{"refuses the password"}},
		{"old Kvrocks, wrong password", "", kvrocks(map[string]string{"AUTH": "-ERR invalid password"}), user("", wrong), 12,
			[]string{"refuses the password"}},
		{"Kvrocks, user name", "", kvrocks(map[string]string{"AUTH": "-ERR wrong number of arguments"}), user("default", password), 12,
			[]string{"knows no user names"}},
		{"repeats what it does not know", "", map[string]string{"AUTH": "-ERR unknown command 'AUTH', with args beginning with: '" + wrong + "'"},
			user("", wrong), 12, []string{"refuses AUTH"}},
		{"Kvrocks, no password", "", map[string]string{"INFO": "-NOAUTH Authentication required."}, "", 12, []string{"wants a password"}},
		{"INFO not allowed", "", map[string]string{"INFO": "-NOPERM this user has no permissions to run the 'info' command"}, "", 12,
			[]string{"does not let this user run INFO"}},
		{"replica", "", map[string]string{"INFO REPLICATION": "# Replication\r\nrole:slave\r\nmaster_host:10.0.0.1\r\nmaster_port:6666\r\n"}, "", 5,
			[]string{"is a replica", "its master 10.0.0.1:6666"}},
		{"cluster that is not set up", "", map[string]string{"INFO SERVER": strings.ReplaceAll(infoKvrocks, "standalone", "cluster"),
			"CLUSTER": "-CLUSTERDOWN The cluster is not initialized"}, "", 5, []string{"refuses CLUSTER SLOTS: CLUSTERDOWN"}},
		{"loading", "", map[string]string{"INFO PERSISTENCE": "# Persistence\r\nloading:1\r\n"}, "", 5, []string{"still loading its data"}},
		{"old Kvrocks", "", map[string]string{"INFO SERVER": strings.ReplaceAll(infoKvrocks, "2.10.1", "2.1.0")}, "", 5,
			[]string{"2.3 is the oldest that can be loaded"}},
		{"old Redis", "", map[string]string{"INFO SERVER": "# Server\r\nredis_version:6.2.0\r\nredis_mode:standalone\r\n"}, "", 5,
			[]string{"7.0 is the oldest that can be loaded"}},
		{"unknown server", "", map[string]string{"INFO SERVER": "# Proxy\r\nname:x\r\n"}, "", 5, []string{"neither a Kvrocks nor a Redis"}},
		{"INFO unknown", "", map[string]string{"INFO": "-ERR unknown command 'INFO'"}, "", 5, []string{"refuses INFO"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := startScripted(t, tc.replies)
			if tc.auth != "" {
				m.RequireAuth(tc.auth)
			}
			dir := makeDump(t, []format.Record{text("a", "1")})
			r := runCommand("load", "--uri", "redis://"+tc.user+m.Addr(), "--in", dir)
			r.failed(t, tc.code, append(tc.says, m.Addr())...)
			if keys := m.Keys(); len(keys) > 0 {
				t.Errorf("the target has %v", keys)
			}
		})
	}
}

// TestPikaAsTarget: somebody mixed up the two addresses.
func TestPikaAsTarget(t *testing.T) {
	s, err := pikasim.Start(pikasim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	dir := makeDump(t, []format.Record{text("a", "1")})
	r := runCommand("load", "--uri", "redis://"+s.Addr(), "--in", dir, "--on-exists", "replace")
	r.failed(t, 5, "is a Pika 3.5.5", "the wrong way round?")
	if s.Commands()["set"]+s.Commands()["mset"] > 0 {
		t.Error("the Pika was written to")
	}
}

// TestTargetHoldsKeys: no key is touched unless the user says how.
func TestTargetHoldsKeys(t *testing.T) {
	dir := makeDump(t, []format.Record{text("a", "new"), text("b", "new")})
	fill := func(n int) (addr string, values func() []string) {
		m := startTarget(t)
		for i := range n {
			_ = m.Set(fmt.Sprintf("%c", 'a'+i), "old")
		}
		return m.Addr(), func() (all []string) {
			for _, k := range m.Keys() {
				v, _ := m.Get(k)
				all = append(all, k+"="+v)
			}
			return all
		}
	}
	addr, values := fill(1)
	runCommand("load", "--uri", addr, "--in", dir).
		failed(t, 5, "holds 1 key", "--on-exists replace", "--on-exists skip", "empty namespace")
	if got := values(); !slices.Equal(got, []string{"a=old"}) {
		t.Errorf("the target has %v", got)
	}
	if r := runCommand("load", "--uri", addr, "--in", dir, "--on-exists", "replace"); r.code != 0 {
		t.Errorf("replace: exit code %d: %s", r.code, r.stderr)
	}
	if got := values(); !slices.Equal(got, []string{"a=new", "b=new"}) {
		t.Errorf("after replace the target has %v", got)
	}
	addr, values = fill(1)
	t.Chdir(t.TempDir())
	runCommand("load", "--uri", addr, "--in", dir, "--on-exists", "skip").
		failed(t, 3, "the load is done, but not everything is on the target", "1 exists", "left-out-")
	if got := values(); !slices.Equal(got, []string{"a=old", "b=new"}) {
		t.Errorf("after skip the target has %v", got)
	}
}
