package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// An alteration is something that is done to a target, and what verify must say of it.
type alteration struct {
	name string
	do   func(t *testing.T, c *redis.Client, key string)
	want []string // classes of the key called name
}

const (
	proofElements = 1500 // more than one record holds
	proofExpiry   = firstExpiry * 1000
)

func element(i int) string { return fmt.Sprintf("element:%06d", i) }

// command returns an alteration that is one command, in which KEY stands for the key.
func command(args ...any) func(*testing.T, *redis.Client, string) {
	return func(t *testing.T, c *redis.Client, key string) {
		t.Helper()
		filled := slices.Clone(args)
		for i := range filled {
			if filled[i] == "KEY" {
				filled[i] = key
			}
		}
		do(t, c, filled...)
	}
}

// commands returns an alteration of several commands.
func commands(list ...[]any) func(*testing.T, *redis.Client, string) {
	return func(t *testing.T, c *redis.Client, key string) {
		t.Helper()
		for _, args := range list {
			command(args...)(t, c, key)
		}
	}
}

// relist returns an alteration that writes a list anew, edited.
func relist(edit func([]any) []any) func(*testing.T, *redis.Client, string) {
	return func(t *testing.T, c *redis.Client, key string) {
		t.Helper()
		var list []any
		for i := range proofElements {
			list = append(list, element(i))
		}
		do(t, c, "DEL", key)
		do(t, c, append([]any{"RPUSH", key}, edit(list)...)...)
	}
}

var largeValue = strings.Repeat("0123456789", 500_000)

// alterations are of every kind. The key of each is called as it is, and its type stands before the
// colon.
var alterations = []alteration{
	{"string: missing", command("DEL", "KEY"), []string{"missing"}},
	{"string: another type", commands([]any{"DEL", "KEY"}, []any{"RPUSH", "KEY", "a"}), []string{"type"}},
	{"string: value", command("SET", "KEY", "X value"), []string{"value"}},
	{"string: longer", command("SET", "KEY", "a valueX"), []string{"value"}},
	{"string: empty", commands([]any{"SET", "KEY", ""}), []string{"value"}},
	{"string: extra expiry", command("EXPIREAT", "KEY", firstExpiry), []string{"expiry differs"}},
	{"string: equal", nil, nil},
	{"large: a byte deep inside", func(t *testing.T, c *redis.Client, key string) {
		do(t, c, "SET", key, largeValue[:2_500_000]+"X"+largeValue[2_500_001:])
	}, []string{"value"}},
	{"large: longer", command("SET", "KEY", largeValue+"X"), []string{"value"}},
	{"large: missing", command("DEL", "KEY"), []string{"missing"}},
	{"large: equal", nil, nil},
	{"hash: missing", command("DEL", "KEY"), []string{"missing"}},
	{"hash: another type", commands([]any{"DEL", "KEY"}, []any{"SET", "KEY", "a"}), []string{"type"}},
	{"hash: a field missing", command("HDEL", "KEY", element(1200)), []string{"missing elements"}},
	{"hash: an extra field", command("HSET", "KEY", "extra", ""), []string{"extra elements"}},
	{"hash: a field changed", command("HSET", "KEY", element(700), "X"), []string{"value"}},
	{"hash: a field under another name", commands([]any{"HDEL", "KEY", element(3)}, []any{"HSET", "KEY", "other", "3"}), []string{"extra elements", "missing elements"}},
	{"hash: equal", nil, nil},
	{"set: a member missing", command("SREM", "KEY", element(0)), []string{"missing elements"}},
	{"set: an extra member", command("SADD", "KEY", ""), []string{"extra elements"}},
	{"set: another type", commands([]any{"DEL", "KEY"}, []any{"HSET", "KEY", "a", "b"}), []string{"type"}},
	{"set: equal", nil, nil},
	{"zset: a score changed", command("ZADD", "KEY", "3.0000000000000004", element(3)), []string{"value"}},
	{"zset: -0 for 0", commands([]any{"ZREM", "KEY", element(0)}, []any{"ZADD", "KEY", "-0", element(0)}), []string{"value"}},
	{"zset: a member missing", command("ZREM", "KEY", element(1499)), []string{"missing elements"}},
	{"zset: an extra member", command("ZADD", "KEY", "1", "extra"), []string{"extra elements"}},
	{"zset: equal", nil, nil},
	{"list: order", relist(func(e []any) []any {
		e[700], e[701] = e[701], e[700]
		return e
	}), []string{"value"}},
	{"list: an element missing in the middle", relist(func(e []any) []any { return slices.Delete(e, 700, 701) }), []string{"missing elements", "value"}},
	{"list: the last one missing", command("RPOP", "KEY"), []string{"missing elements"}},
	{"list: one twice", command("RPUSH", "KEY", element(1499)), []string{"extra elements"}},
	{"list: equal", nil, nil},
	{"stream: an entry missing", command("XDEL", "KEY", "700-1"), []string{"missing elements", "value"}},
	{"stream: an extra entry", command("XADD", "KEY", "1500-2", "f", "v"), []string{"extra elements", "value"}},
	{"stream: the last id", command("XSETID", "KEY", "1501-0", "ENTRIESADDED", 1500, "MAXDELETEDID", "0-0"), []string{"value"}},
	{"stream: entries added", command("XSETID", "KEY", "1500-1", "ENTRIESADDED", 1501, "MAXDELETEDID", "0-0"), []string{"value"}},
	{"stream: missing", command("DEL", "KEY"), []string{"missing"}},
	{"stream: another type", commands([]any{"DEL", "KEY"}, []any{"SET", "KEY", "a"}), []string{"type"}},
	{"stream: an entry changed", func(t *testing.T, c *redis.Client, key string) {
		do(t, c, "DEL", key)
		addEntries(t, c, key, 700)
	}, []string{"value"}},
	{"stream: equal", nil, nil},
	{"expiring: none", command("PERSIST", "KEY"), []string{"expiry differs"}},
	{"expiring: 1 ms later", command("PEXPIREAT", "KEY", proofExpiry+1), []string{"expiry differs"}},
	{"expiring: and another value", commands([]any{"SET", "KEY", "X"}), []string{"expiry differs", "value"}},
	{"expiring: equal", nil, nil},
	{"extra: a key", command("SET", "KEY", "X"), []string{"not in the dump"}},
}

// addEntries adds the entries of a stream, one of them with another value.
func addEntries(t *testing.T, c *redis.Client, key string, changed int) {
	t.Helper()
	pipe := c.Pipeline()
	for i := 1; i <= proofElements; i++ {
		value := element(i)
		if i == changed {
			value = "X"
		}
		pipe.Do(t.Context(), "XADD", key, fmt.Sprintf("%d-1", i), "f", value)
	}
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// fillDamages writes the keys of alterations to a Pika.
func fillDamages(t *testing.T, c *redis.Client, list []alteration) {
	t.Helper()
	var hash, members, scored []any
	for i := range proofElements {
		hash = append(hash, element(i), fmt.Sprint(i))
		members = append(members, element(i))
		scored = append(scored, i, element(i))
	}
	for _, d := range list {
		key := d.name
		switch kind, _, _ := strings.Cut(d.name, ":"); kind {
		case "string":
			do(t, c, "SET", key, "a value")
		case "expiring":
			do(t, c, "SET", key, "a value")
			do(t, c, "EXPIREAT", key, firstExpiry)
		case "large":
			do(t, c, "SET", key, largeValue)
		case "hash":
			do(t, c, append([]any{"HMSET", key}, hash...)...)
		case "set":
			do(t, c, append([]any{"SADD", key}, members...)...)
		case "zset":
			do(t, c, append([]any{"ZADD", key}, scored...)...)
		case "list":
			do(t, c, append([]any{"RPUSH", key}, members...)...)
		case "stream":
			addEntries(t, c, key, 0)
		}
	}
}

// A differs is a line of the report of kvload verify.
type differs struct {
	DB        int    `json:"db"`
	Kind      string `json:"kind"`
	Key       []byte `json:"key"`
	Class     string `json:"class"`
	Explained bool   `json:"explained"`
	Count     int64  `json:"count"`
	Member    []byte `json:"member"`
	Detail    string `json:"detail"`
}

// verifying runs kvload verify, which must end with that exit code, and returns its report.
func verifying(t *testing.T, code int, dir string, to target, flags ...string) ([]differs, result) {
	t.Helper()
	report := filepath.Join(t.TempDir(), "differs.jsonl")
	args := append([]string{"verify", "--quiet", "--uri", "redis://" + to.addr, "--in", dir, "--report", report}, flags...)
	r := mustRun(t, code, "kvload", args...)
	return readDiffers(t, report), r
}

func readDiffers(t *testing.T, path string) []differs {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var list []differs
	for line := range bytes.Lines(text) {
		var d differs
		if err := json.Unmarshal(line, &d); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		list = append(list, d)
	}
	return list
}

// checkClasses checks that exactly these classes of differences were found, by key.
func checkClasses(t *testing.T, list []differs, want map[string][]string) {
	t.Helper()
	got := map[string][]string{}
	for _, d := range list {
		if !d.Explained {
			got[string(d.Key)] = append(got[string(d.Key)], d.Class)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		slices.Sort(got[name])
		if !slices.Equal(got[name], want[name]) {
			t.Errorf("%q: found %q, want %q", name, got[name], want[name])
		}
	}
	for name := range want {
		if got[name] == nil && len(want[name]) > 0 {
			t.Errorf("%q: not found", name)
		}
	}
}

// TestDamage makes every alteration in a target, and verify finds each, and nothing else.
func TestDamage(t *testing.T) {
	parallel(t)
	s := simulate(t, pikasim.Options{Version: pikasim.V401})
	fillDamages(t, client(t, s.addr, 0), alterations)
	dir := dump(t, 0, s)
	all, kept := map[string][]string{}, map[string][]string{}
	for _, d := range alterations {
		all[d.name] = d.want
		for _, class := range d.want {
			// Of type, length and expiry alone not every change can be seen.
			if class != "value" || strings.HasSuffix(d.name, ": longer") || strings.HasSuffix(d.name, ": empty") || strings.HasSuffix(d.name, "another value") {
				kept[d.name] = append(kept[d.name], class)
			}
		}
	}
	eachTarget(t, func(t *testing.T, to target) {
		load(t, 0, dir, to, "--verify")
		if list, _ := verifying(t, 0, dir, to, "--reverse"); len(list) > 0 {
			t.Errorf("differences to an equal target: %+v", list)
		}
		c := client(t, to.addr, 0)
		for _, d := range alterations {
			if d.do != nil {
				d.do(t, c, d.name)
			}
		}
		list, r := verifying(t, 4, dir, to, "--reverse")
		checkClasses(t, list, all)
		if !strings.Contains(r.stdout, "extra elements") {
			t.Errorf("no summary: %s", r.stdout)
		}
		list, _ = verifying(t, 4, dir, to, "--rounds", "1", "--threads", "1", "--reverse")
		checkClasses(t, list, all)
		delete(kept, "extra: a key")
		delete(kept, "hash: a field under another name")
		list, _ = verifying(t, 4, dir, to, "--keys-only")
		checkClasses(t, list, kept)
	})
}
