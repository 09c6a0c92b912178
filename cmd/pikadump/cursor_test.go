package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// manifest reads the manifest of a dump.
func manifest(t *testing.T, dir string) *format.Manifest {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, format.ManifestName))
	if err != nil {
		t.Fatal(err)
	}
	m, err := format.ParseManifest(data)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func send(t *testing.T, addr string, commands ...string) {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr, Protocol: 2, DisableIdentity: true})
	defer c.Close()
	for _, line := range commands {
		args := []any{}
		for _, a := range strings.Fields(line) {
			args = append(args, a)
		}
		if err := c.Do(context.Background(), args...).Err(); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
}

// TestEveryVersion dumps the same keys from each version in each way that it knows: they are all
// there, once, though SELECT of other databases says OK before 3.1; and the
// commands that no dump may send are not sent.
func TestEveryVersion(t *testing.T) {
	for _, x := range []struct {
		version pikasim.Version
		scan    string
		word    string
	}{
		{pikasim.V236, "auto", format.ScanCursor}, {pikasim.V302, "auto", format.ScanCursor}, {pikasim.V303, "auto", format.ScanRange},
		{pikasim.V303, "scan", format.ScanCursor}, {pikasim.V340, "auto", format.ScanRange}, {pikasim.V340, "scan", format.ScanCursor},
		{pikasim.V355, "range", format.ScanRange}, {pikasim.V355, "scan", format.ScanCursor}, {pikasim.V401, "auto", format.ScanRange}, {pikasim.V401, "scan", format.ScanCursor},
	} {
		t.Run(string(x.version)+" "+x.scan, func(t *testing.T) {
			s := startPika(t, pikasim.Options{Version: x.version})
			send(t, s.Addr(), "SADD _internal:slotkey:4migrate:7 x", "PFADD hll a b c")
			out := filepath.Join(t.TempDir(), "dump")
			r := runCommand("dump", "--uri", "redis://"+s.Addr(), "--out", out, "--scan", x.scan)
			if r.code != 3 || !strings.Contains(r.stderr, "1 internal") { // Pika's own key is left out
				t.Fatalf("exit code %d:\n%s", r.code, r.stderr)
			}
			m := manifest(t, out)
			keys := int64(0)
			for _, total := range m.Totals {
				keys += total.Keys
			}
			if keys != 7 || m.Source.Databases != 1 || m.Options.Scan != x.word {
				t.Errorf("%d keys of %d databases, listed by %s", keys, m.Source.Databases, m.Options.Scan)
			}
			if !strings.Contains(r.stderr, "1 hyperloglog, of up to about 3 members") {
				t.Errorf("nothing of hyperloglogs:\n%s", r.stderr)
			}
			if warned := strings.Contains(r.stderr, "cannot be gone on with"); warned != (x.word == format.ScanCursor) {
				t.Errorf("warned of SCAN: %v\n%s", warned, r.stderr)
			}
			sent := s.Commands()
			for _, never := range []string{"dbsize", "zrange", "hgetall", "smembers", "exists"} {
				if sent[never] > 0 {
					t.Errorf("%s was sent %d times", never, sent[never])
				}
			}
		})
	}
}

// TestCursorStopped: a walk that lost its place ends with 75, and cannot be gone on with.
func TestCursorStopped(t *testing.T) {
	s := startPika(t, pikasim.Options{Version: pikasim.V302, Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
		return []byte("*2\r\n$2\r\n10\r\n*0\r\n"), strings.EqualFold(string(args[0]), "scan") && string(args[len(args)-1]) == "991", false
	}})
	out := filepath.Join(t.TempDir(), "dump")
	args := []string{"dump", "--uri", "redis://" + s.Addr(), "--out", out}
	r := runCommand(args...)
	r.failed(t, 75, "lost its place", "another client scanning", "cannot be gone on with")
	unfinished(t, out)
	runCommand(append(args, "--resume")...).failed(t, 5, "scanned by cursor, which only works in one go")
}

// TestStreamsOff leaves the streams out and says so.
func TestStreamsOff(t *testing.T) {
	s := startPika(t, pikasim.Options{Version: pikasim.V401})
	send(t, s.Addr(), "XADD st 1-1 f v")
	out := filepath.Join(t.TempDir(), "dump")
	r := runCommand("dump", "--uri", "redis://"+s.Addr(), "--out", out, "--streams", "off")
	if r.code != 0 || !strings.Contains(r.stderr, "warning: streams are not in the dump") {
		t.Errorf("exit code %d:\n%s", r.code, r.stderr)
	}
	if types, _ := json.Marshal(manifest(t, out).Options.Types); strings.Contains(string(types), "stream") || s.Commands()["keys"] > 0 {
		t.Errorf("types %s, KEYS %d times", types, s.Commands()["keys"])
	}
}

// TestListingFlags: what is asked for and cannot be had is refused before anything is written.
func TestListingFlags(t *testing.T) {
	for _, x := range []struct {
		name    string
		options pikasim.Options
		fill    string
		args    []string
		code    int
		says    []string
	}{
		{"streams on 3.5.5", pikasim.Options{}, "XADD st 1-1 f v", []string{"--scan", "scan"}, 5, []string{"db0 has streams", "begins anew for ever"}},
		{"ranges on 2.3.6", pikasim.Options{Version: pikasim.V236}, "", []string{"--scan", "range"}, 5, []string{"lists no key ranges"}},
		{"a database on 3.0", pikasim.Options{Version: pikasim.V302}, "", []string{"--db", "1"}, 2, []string{"--db 1", "1 database"}},
		{"a word", pikasim.Options{}, "", []string{"--scan", "fast"}, 2, []string{`--scan "fast"`, "auto, range or scan"}},
		{"another word", pikasim.Options{}, "", []string{"--streams", "on"}, 2, []string{`--streams "on"`, "auto or off"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := startPika(t, x.options)
			if x.fill != "" {
				send(t, s.Addr(), x.fill)
			}
			out := filepath.Join(t.TempDir(), "dump")
			r := runCommand(append([]string{"dump", "--uri", "redis://" + s.Addr(), "--out", out}, x.args...)...)
			r.failed(t, x.code, x.says...)
			if left := files(t, out); len(left) > 0 {
				t.Errorf("before anything was read there are %v", left)
			}
		})
	}
}

// TestListingWarnings: what to know is said before the dump begins.
func TestListingWarnings(t *testing.T) {
	s := startPika(t, pikasim.Options{Version: pikasim.V401, Replica: true, Intercept: intercept(map[string]string{"PKSCANRANGE": "-ERR unknown command \"pkscanrange\"\r\n"})})
	r := runCommand("dump", "--uri", "redis://"+s.Addr(), "--out", filepath.Join(t.TempDir(), "dump"))
	if r.code != 0 {
		t.Fatalf("exit code %d:\n%s", r.code, r.stderr)
	}
	for _, want := range []string{"warning: replicas of Pika 4.0 lose keys that were set with SETEX", "PKSCANRANGE cannot be used", "listed by SCANX instead"} {
		if strings.Count(r.stderr, want) != 1 {
			t.Errorf("stderr does not say %q once:\n%s", want, r.stderr)
		}
	}
}

// TestLastSecond: a key with a TTL of 0 can still be read up to 3.5, and is kept with its expiry; on 4.0
// it is gone, or about to be.
func TestLastSecond(t *testing.T) {
	for _, v := range []pikasim.Version{pikasim.V302, pikasim.V355, pikasim.V401} {
		s := startPika(t, pikasim.Options{Version: v, Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
			ttl := strings.EqualFold(string(args[0]), "ttl") || strings.EqualFold(string(args[0]), "pttl")
			return []byte(":0\r\n"), ttl && string(args[1]) == "s1", false
		}})
		out := filepath.Join(t.TempDir(), "dump")
		r := runCommand("dump", "--uri", "redis://"+s.Addr(), "--out", out, "--type", "string", "--no-source-count") // it counts a permanent key
		total := manifest(t, out).Totals[0]
		want := fmt.Sprint(0, 2, 2) // exit code, keys, of them expiring
		if v == pikasim.V401 {
			want = fmt.Sprint(3, 1, 1)
		}
		if got := fmt.Sprint(r.code, total.Keys, total.Expiring); got != want {
			t.Errorf("%s: exit code, keys, expiring: %s, want %s\n%s", v, got, want, r.stderr)
		}
	}
}
