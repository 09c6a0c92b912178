package e2e

import (
	"bytes"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// TestBefore goes on today with what an older commit left on the disk: testdata/before.
func TestBefore(t *testing.T) {
	parallel(t)
	if err := build(); err != nil {
		t.Fatal(err)
	}
	t.Run("dump", beforeDumps)
	skip, replace := []string{"--on-exists", "skip"}, []string{"--on-exists", "replace"}
	t.Run("load", func(t *testing.T) {
		b := newBefore(t, "load-started")
		b.run(5, "--resume", "load", skip...)
		b.run(5, "--on-exists", "load", append(replace, "--resume")...)
		b.resume(skip...)
		b.holds(367)
		b.run(0, "", "verify", "--left-out", b.report())
		b.run(0, "", "rollback", skip...)
		b.isAsBefore()
	})
	t.Run("finished load", func(t *testing.T) {
		b := newBefore(t, "load-finished")
		b.holds(367)
		b.run(3, "364 keys", "load", append(skip, "--resume")...)
		b.run(0, "", "verify", "--left-out", b.report())
		b.run(5, "", "rollback", replace...)
		b.run(0, "", "rollback", skip...)
		b.isAsBefore()
	})
	t.Run("load of an encrypted dump", func(t *testing.T) {
		b := newBefore(t, "load-encrypted")
		identity := []string{"--identity", filepath.Join(b.dir, "identity")}
		b.run(12, "--identity", "load", append(replace, "--resume")...)
		b.resume(append(identity, replace...)...)
		b.holds(185)
		b.run(0, "", "verify", append(identity, "--left-out", b.report())...)
		b.run(0, "", "verify", identity...)
	})
	t.Run("load with undo", func(t *testing.T) {
		b := newBefore(t, "load-undo")
		undo := append(replace, "--undo", filepath.Join(b.dir, b.name, "undo"))
		b.resume(undo...)
		b.holds(367)
		b.run(0, "", "verify")
		b.run(0, "", "rollback", undo...)
		b.isAsBefore()
	})
	t.Run("shards of a load", func(t *testing.T) {
		b := newBefore(t, "load-shards")
		b.run(75, "1/2", "finish")
		b.run(3, "", "load", append(skip, "--shard", "0/2", "--resume")...)
		b.resume(append(skip, "--shard", "1/2")...)
		b.holds(367)
		b.run(3, "", "finish")
		b.run(0, "", "rollback", skip...)
		b.isAsBefore()
	})
	t.Run("rollback", func(t *testing.T) {
		b := newBefore(t, "rollback-started")
		undo := append(replace, "--undo", filepath.Join(b.dir, b.name, "undo"))
		b.run(5, "kvload rollback", "load", append(undo, "--resume")...)
		b.run(0, "", "rollback", undo...)
		b.isAsBefore()
	})
	t.Run("finished rollback", func(t *testing.T) {
		b := newBefore(t, "rollback-finished")
		undo := append(replace, "--undo", filepath.Join(b.dir, b.name, "undo"))
		b.run(0, "", "rollback", undo...)
		b.isAsBefore()
		b.run(3, "", "load", replace...)
		b.holds(367)
	})
}

// beforeDumps reads the finished dumps, and finishes those that were begun.
func beforeDumps(t *testing.T) {
	dir := copyBefore(t, "dump", "dump-encrypted", "dump-started", "dump-shards", "identity", "plan.json")
	path := func(name string) string { return filepath.Join(dir, name) }
	s := startBeforeSource(t)
	args := func(command, flag, name string, more ...string) []string {
		return append([]string{command, "--quiet", "--uri", "redis://" + s.addr, flag, path(name)}, more...)
	}
	mustRun(t, 0, "kvload", "check", "--quiet", path("dump"))
	mustRun(t, 0, "pikadump", args("verify", "--in", "dump")...)
	mustRun(t, 0, "kvload", "check", "--quiet", path("dump-encrypted"))
	mustRun(t, 0, "pikadump", args("verify", "--in", "dump-encrypted", "--identity", path("identity"))...)

	sizes := []string{"--resume", "--chunk-size", "64KiB", "--reply-size", "4KiB", "--page-keys", "20"}
	mustRun(t, 10, "kvload", "check", "--quiet", path("dump-started"))
	mustRun(t, 3, "pikadump", args("dump", "--out", "dump-started", sizes...)...)
	mustRun(t, 3, "pikadump", args("dump", "--out", "dump-shards", sizes...)...)
	for _, name := range []string{"dump-started", "dump-shards"} {
		mustRun(t, 0, "kvload", "check", "--quiet", path(name))
		mustRun(t, 0, "pikadump", args("verify", "--in", name)...)
		for _, list := range []string{"skipped.jsonl", "conflicts.jsonl"} {
			if !slices.Equal(sortedLines(t, path(name), list), sortedLines(t, path("dump"), list)) {
				t.Errorf("%s: %s is not that of a dump of one run", name, list)
			}
		}
	}
}

func sortedLines(t *testing.T, dir, name string) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(data), "\n")
	slices.Sort(lines)
	return lines
}

// beforeLoaded is how much of a load was done when it was killed.
var beforeLoaded = map[string]string{"load-started": "61 keys", "load-encrypted": "59 keys", "load-undo": "62 keys", "load-shards": "61 keys"}

// A before is a load of an older commit, with its target.
type before struct {
	t         *testing.T
	dir, name string
	to        *redis.Client
	addr      string
}

// newBefore starts a target that holds what that of the load held, and lets the journals name its
// address.
func newBefore(t *testing.T, name string) *before {
	t.Helper()
	to := startRedis(t)
	b := &before{t: t, dir: copyBefore(t, "dump", "dump-encrypted", "identity", name), name: name, to: client(t, to.addr, 0), addr: to.addr}
	addr, undo := regexp.MustCompile(`"address":"127\.0\.0\.1:\d+"`), regexp.MustCompile(`"undo":"[^"]+"`)
	err := filepath.WalkDir(filepath.Join(b.dir, name, "state"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		data = addr.ReplaceAll(data, []byte(`"address":"`+b.addr+`"`))
		data = undo.ReplaceAll(data, []byte(`"undo":"`+filepath.Join(b.dir, name, "undo")+`"`))
		return os.WriteFile(path, data, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	b.replay()
	return b
}

// replay sends the commands that make the target what it was: those of the load, or only those
// before it.
func (b *before) replay() {
	b.t.Helper()
	commands, err := os.ReadFile(filepath.Join(b.dir, b.name, "target.resp"))
	if os.IsNotExist(err) {
		for _, c := range beforeTarget {
			do(b.t, b.to, c...)
		}
		return
	}
	if err != nil {
		b.t.Fatal(err)
	}
	c, err := net.Dial("tcp", b.addr)
	if err != nil {
		b.t.Fatal(err)
	}
	defer c.Close()
	go func() { _, _ = c.Write(append(commands, "*2\r\n$4\r\nECHO\r\n$7\r\nall of \r\n"...)) }() // the answer tells
	var answers bytes.Buffer
	buf := make([]byte, 4096)
	for !bytes.HasSuffix(answers.Bytes(), []byte("all of \r\n")) {
		n, err := c.Read(buf)
		if err != nil {
			b.t.Fatalf("replay what the target held: %v", err)
		}
		answers.Write(buf[:n])
	}
	if bytes.HasPrefix(answers.Bytes(), []byte("-")) || bytes.Contains(answers.Bytes(), []byte("\r\n-")) {
		b.t.Fatalf("replay what the target held: %s", answers.Bytes())
	}
}

// run runs a command on the load, which must end so.
func (b *before) run(code int, says, command string, flags ...string) {
	b.t.Helper()
	args := slices.Concat([]string{command, "--uri", "redis://" + b.addr}, flags, beforeFlags(b.dir, b.name))
	if command != "verify" {
		args = append(args, "--state", filepath.Join(b.dir, b.name, "state"))
	}
	r := mustRun(b.t, code, "kvload", args...)
	if !strings.Contains(r.stderr+r.stdout, says) {
		b.t.Errorf("%v says nothing of %q:\n%s", args, says, r.stderr)
	}
}

// resume resumes the load, which must take up what is loaded. The target was restarted since, so
// that it is to be verified.
func (b *before) resume(flags ...string) {
	b.t.Helper()
	b.run(4, beforeLoaded[b.name], "load", append(flags, "--resume")...)
}

// report returns all that the load left out, in one file.
func (b *before) report() string {
	b.t.Helper()
	lists, err := filepath.Glob(filepath.Join(b.dir, b.name, "state", "left-out-*.jsonl"))
	if err != nil || len(lists) == 0 {
		b.t.Fatalf("no list of what was left out: %v", err)
	}
	var all []byte
	for _, path := range lists {
		data, err := os.ReadFile(path)
		if err != nil {
			b.t.Fatal(err)
		}
		all = append(all, data...)
	}
	path := filepath.Join(b.t.TempDir(), "left-out.jsonl")
	if err := os.WriteFile(path, all, 0o600); err != nil {
		b.t.Fatal(err)
	}
	return path
}

// holds checks how many keys the target has.
func (b *before) holds(keys int64) {
	b.t.Helper()
	if n := b.to.DBSize(b.t.Context()).Val() + client(b.t, b.addr, 1).DBSize(b.t.Context()).Val(); n != keys {
		b.t.Errorf("the target holds %d keys, want %d", n, keys)
	}
}

// isAsBefore checks that the target holds what it did before the load.
func (b *before) isAsBefore() {
	b.t.Helper()
	b.holds(int64(len(beforeTarget)))
	ctx := b.t.Context()
	for i, want := range []string{"stays", "was there"} {
		if got := b.to.Get(ctx, beforeTarget[i][1].(string)).Val(); got != want {
			b.t.Errorf("%s is %q, want %q", beforeTarget[i][1], got, want)
		}
	}
	if got := b.to.LRange(ctx, "zset:000003", 0, -1).Val(); !slices.Equal(got, []string{"was", "there"}) {
		b.t.Errorf("zset:000003 is %q", got)
	}
}

// copyBefore copies some of testdata/before.
func copyBefore(t *testing.T, names ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range names {
		from, to := filepath.Join(beforeDir, name), filepath.Join(dir, name)
		info, err := os.Stat(from)
		if err == nil && info.IsDir() {
			err = os.CopyFS(to, os.DirFS(from))
		} else if err == nil {
			var data []byte
			if data, err = os.ReadFile(from); err == nil {
				err = os.WriteFile(to, data, 0o600)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
