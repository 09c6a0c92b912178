package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
)

// refuse intercepts a command, as each version refuses one.
func refuse(v pikasim.Version, command string) func(int, [][]byte) ([]byte, bool, bool) {
	word := strings.ToLower(command)
	reply := "-NOPERM this user has no permissions to run the '" + word + "' command\r\n"
	switch v {
	case pikasim.V340:
		reply = "-ERR NOAUTH Authentication required.\r\n"
	case pikasim.V355:
		reply = "-ERR unknown command \"" + word + "\"\r\n"
	}
	return smallpika.Answer(map[string]string{command: reply})
}

// keys returns the names in a dump.
func keys(t *testing.T, dir string) (names []string) {
	t.Helper()
	a, err := archive.Open(t.Context(), dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for _, r := range smalldump.Records(t, a) {
		names = append(names, fmt.Sprintf("%s %s", r.Kind, r.Key))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// TestForbidden: of each command that the tools send, what if the source does not take it? Either
// the run does without and comes to the same, or it is refused before anything is read, and its
// text names the command and what to allow.
func TestForbidden(t *testing.T) {
	for _, v := range []pikasim.Version{pikasim.V340, pikasim.V355, pikasim.V401} {
		var mu sync.Mutex
		sent := map[string]bool{}
		see := func(_ int, args [][]byte) ([]byte, bool, bool) {
			mu.Lock()
			defer mu.Unlock()
			sent[strings.ToUpper(string(args[0]))] = true
			return nil, false, false
		}
		whole := filepath.Join(t.TempDir(), "whole")
		runs := func(s *pikasim.Server, dir string) map[string][]string {
			return map[string][]string{
				"dump":   {"dump", "--uri", s.Addr(), "--out", dir},
				"plan":   {"plan", "--uri", s.Addr()},
				"verify": {"verify", "--uri", s.Addr(), "--in", whole},
			}
		}
		more := func(s *pikasim.Server) {
			smallpika.Send(t, s.Addr(), "DEL s2", "SET hll "+strings.Repeat("a", 131072))
			if v != pikasim.V340 {
				smallpika.Send(t, s.Addr(), "XADD x 1-1 f v")
			}
		}
		s := smallpika.Start(t, pikasim.Options{Version: v, Intercept: see, Databases: 2})
		more(s)
		clear(sent)
		for _, name := range []string{"dump", "plan", "verify"} {
			if r := runCommand(runs(s, whole)[name]...); r.code != 0 {
				t.Fatalf("%s of %s: %d %s", name, v, r.code, r.stderr)
			}
		}
		want := keys(t, whole)
		for command := range sent {
			for _, name := range []string{"dump", "plan", "verify"} {
				t.Run(string(v)+"/"+command+"/"+name, func(t *testing.T) {
					var on atomic.Bool
					hook := refuse(v, command)
					s := smallpika.Start(t, pikasim.Options{Version: v, Databases: 2, Intercept: func(db int, args [][]byte) ([]byte, bool, bool) {
						if !on.Load() || !strings.EqualFold(string(args[0]), command) {
							return nil, false, false
						}
						return hook(db, args)
					}})
					more(s)
					on.Store(true)
					dir := filepath.Join(t.TempDir(), "dump")
					r := runCommand(runs(s, dir)[name]...)
					if r.code == 0 {
						if name == "dump" && !slices.Equal(keys(t, dir), want) {
							t.Errorf("the dump has %q, not %q", keys(t, dir), want)
						}
						return
					}
					if r.code != 5 && r.code != 12 || !strings.Contains(r.stderr, command) || len(files(t, dir)) > 0 {
						t.Errorf("it ends with %d: %s", r.code, r.stderr)
					}
					says := map[pikasim.Version]string{pikasim.V340: "userblacklist", pikasim.V355: "rename-command", pikasim.V401: "ACL SETUSER default +" + strings.ToLower(command)}[v]
					if command != "INFO" && (command != "SELECT" || v != pikasim.V340) && !strings.Contains(r.stderr, says) {
						t.Errorf("it does not say %q: %s", says, r.stderr)
					}
				})
			}
		}
	}
}

// onlyKeys answers as a 4.0.1 does to an account that may use keys with a prefix (M): the lists
// of names are not limited, but for the bounds of a range.
func onlyKeys(prefix string) func(int, [][]byte) ([]byte, bool, bool) {
	return func(_ int, args [][]byte) ([]byte, bool, bool) {
		var named [][]byte
		switch strings.ToUpper(string(args[0])) {
		case "PKSCANRANGE", "PKRSCANRANGE": // and not where the range ends
			named = args[2:3]
		case "TTL", "PTTL", "TYPE", "GET", "PKHSCANRANGE", "HSCANX", "HSCAN", "SSCAN", "ZSCAN", "LRANGE", "LLEN":
			named = args[1:2]
		}
		for _, key := range named {
			if len(key) > 0 && !bytes.HasPrefix(key, []byte(prefix)) {
				return []byte("-NOPERM this user has no permissions to access one of the keys used as arguments\r\n"), true, false
			}
		}
		return nil, false, false
	}
}

// TestOnlyKeys: an account that may use keys with a prefix dumps and verifies them by --match;
// without, it is told what to allow.
func TestOnlyKeys(t *testing.T) {
	var on atomic.Bool
	hook := onlyKeys("app:")
	s := smallpika.Start(t, pikasim.Options{Version: pikasim.V401, Intercept: func(db int, args [][]byte) ([]byte, bool, bool) {
		if !on.Load() {
			return nil, false, false
		}
		return hook(db, args)
	}})
	var want []string
	for i := range 300 {
		smallpika.Send(t, s.Addr(), fmt.Sprintf("SET app:s%03d v EX 1000", i), fmt.Sprintf("SET b%03d v", i), fmt.Sprintf("HSET app:h%03d f v", i), fmt.Sprintf("HSET aoo%03d f v", i))
		want = append(want, fmt.Sprintf("string app:s%03d", i), fmt.Sprintf("hash app:h%03d", i))
	}
	slices.Sort(want)
	on.Store(true)
	dir := filepath.Join(t.TempDir(), "dump")
	for _, args := range [][]string{{"dump", "--out", dir}, {"dump", "--out", dir, "--match", "ap*"}, {"plan"}} {
		says := "ACL SETUSER default '~*'"
		if len(args) > 3 {
			says = "ACL SETUSER default '~ap*'"
		}
		runCommand(append(args, "--uri", s.Addr())...).failed(t, 12, "access one of the keys", says)
	}
	if r := runCommand("dump", "--uri", s.Addr(), "--out", dir, "--match", "app:*"); r.code != 0 {
		t.Fatalf("%d %s", r.code, r.stderr)
	}
	if got := keys(t, dir); !slices.Equal(got, want) {
		t.Errorf("%d keys, not %d: %q", len(got), len(want), got)
	}
	if r := runCommand("verify", "--uri", s.Addr(), "--in", dir); r.code != 0 {
		t.Errorf("verify: %d %s", r.code, r.stderr)
	}
}
