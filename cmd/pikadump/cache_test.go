package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/s3server"
)

// cachedPika is a Pika whose cache is on. What is set at it is noted.
type cachedPika struct {
	*pikasim.Server
	out   string // the dump
	files string // where its files are

	mu      sync.Mutex
	changes []string // values of CONFIG SET cache-model, in turn
	refuse  string   // the value that it does not take
	noFile  bool     // a change came while no file said what was before
	atScan  func() (cut bool)
}

func startCached(t *testing.T, o pikasim.Options) *cachedPika {
	dir := filepath.Join(t.TempDir(), "dump")
	p := &cachedPika{out: dir, files: dir, atScan: func() bool { return false }}
	o.Intercept = func(_ int, args [][]byte) ([]byte, bool, bool) {
		if inScan(args, "PKSCANRANGE HASH") {
			p.mu.Lock()
			atScan := p.atScan
			p.mu.Unlock()
			return nil, false, atScan()
		}
		line := strings.ToLower(string(bytes.Join(args, []byte(" "))))
		value, ok := strings.CutPrefix(line, "config set cache-model ")
		if !ok {
			return nil, false, false
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if value == p.refuse {
			return []byte("-ERR not now\r\n"), true, false
		}
		p.changes = append(p.changes, value)
		_, err := os.Stat(filepath.Join(p.files, storage.SettingsName))
		p.noFile = p.noFile || err != nil
		return nil, false, false
	}
	p.Server = startPika(t, o)
	return p
}

// set makes the server refuse a value for cache-model, or do something when the scan begins.
func (p *cachedPika) set(refuse string, atScan func() (cut bool)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = refuse
	if atScan != nil {
		p.atScan = atScan
	}
}

func (p *cachedPika) dump(flags ...string) result {
	return runCommand(append([]string{"dump", "--uri", p.Addr(), "--out", p.out}, flags...)...)
}

// process starts a dump as a process of its own.
func (p *cachedPika) process(t *testing.T, flags ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	return p.start(t, exec.Command(os.Args[0], append([]string{"dump", "--uri", p.Addr(), "--out", p.out}, flags...)...))
}

func (p *cachedPika) start(t *testing.T, cmd *exec.Cmd) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	cmd.Env = append(os.Environ(), asCommand+"=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, &stderr
}

// check compares what was set and what holds now, and whether the file is there.
func (p *cachedPika) check(t *testing.T, value string, file bool, changes ...string) {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: p.Addr(), Protocol: 2, DisableIdentity: true})
	defer c.Close()
	if got, err := c.ConfigGet(t.Context(), "cache-model").Result(); err != nil || got["cache-model"] != value {
		t.Errorf("cache-model is %v, %v, want %s", got, err, value)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Equal(p.changes, changes) {
		t.Errorf("set to %q, want %q", p.changes, changes)
	}
	if p.noFile {
		t.Error("the cache was changed before a file said what it was")
	}
	if got := slices.Contains(files(t, p.files), storage.SettingsName); got != file {
		t.Errorf("the file is there: %v, want %v", got, file)
	}
}

func TestSourceCacheOff(t *testing.T) {
	p := startCached(t, pikasim.Options{})
	var during atomic.Value
	p.set("", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		during.Store(strings.Join(p.changes, " "))
		return false
	})
	r := p.dump("--source-cache-off")
	if r.code != 0 || during.Load() != "0" {
		t.Errorf("exit code %d, set to %v during the scan:\n%s", r.code, during.Load(), r.stderr)
	}
	for _, says := range []string{": CONFIG SET cache-model 0 (it was 1)", ": CONFIG SET cache-model 1, as it was"} {
		if strings.Count(r.stderr, says) != 1 {
			t.Errorf("stderr does not say %q once:\n%s", says, r.stderr)
		}
	}
	if strings.Contains(r.stderr, "warning") {
		t.Errorf("it warns of a cache that is off:\n%s", r.stderr)
	}
	p.check(t, "1", false, "0", "1")
	if r := p.dump("--source-cache-off", "--resume"); r.code != 0 {
		t.Errorf("exit code %d: %s", r.code, r.stderr)
	}
	p.check(t, "1", false, "0", "1")
}

func TestSourceCacheOn(t *testing.T) {
	p := startCached(t, pikasim.Options{})
	if r := p.dump(); r.code != 0 || !strings.Contains(r.stderr, "warning: the source's own cache is on (cache-model 1)") || !strings.Contains(r.stderr, "--source-cache-off") {
		t.Errorf("exit code %d:\n%s", r.code, r.stderr)
	}
	p.check(t, "1", false)
}

// TestNoSourceCache: where there is no cache, or it is off, nothing is changed.
func TestNoSourceCache(t *testing.T) {
	p := startCached(t, pikasim.Options{Config: map[string]string{"cache-model": "0"}})
	if r := p.dump("--source-cache-off"); r.code != 0 || strings.Contains(r.stderr, "CHANGED") {
		t.Errorf("exit code %d:\n%s", r.code, r.stderr)
	}
	p.check(t, "0", false)
	p = startCached(t, pikasim.Options{Version: pikasim.V340})
	if r := p.dump("--source-cache-off"); r.code != 0 || !strings.Contains(r.stderr, "Pika 3.4.0 has no cache") {
		t.Errorf("exit code %d:\n%s", r.code, r.stderr)
	}
}

// TestSourceCacheAfterError: a run that fails sets it back.
func TestSourceCacheAfterError(t *testing.T) {
	p := startCached(t, pikasim.Options{})
	p.set("", func() bool { return true })
	p.dump("--source-cache-off").failed(t, 75, "connection lost", "holds an unfinished dump")
	p.check(t, "1", false, "0", "1")
}

// TestSourceCacheRefused: a source that does not let its cache be changed is not dumped.
func TestSourceCacheRefused(t *testing.T) {
	p := startCached(t, pikasim.Options{})
	p.set("0", nil)
	p.dump("--source-cache-off").failed(t, 5, "--source-cache-off", "CONFIG SET cache-model 0", "not now")
	p.check(t, "1", false)
	unfinished(t, p.out)
}

// TestSourceCacheStopped: each signal that ends a run sets it back, also where the dump, and with it the file that says what it
// was, is in a bucket.
func TestSourceCacheStopped(t *testing.T) {
	heedHangups(t)
	server := s3server.Start(t)
	for sig, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143, syscall.SIGHUP: 129} {
		for _, bucket := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v, bucket %v", sig, bucket), func(t *testing.T) {
				p := startCached(t, pikasim.Options{})
				if bucket {
					prefix := fmt.Sprintf("dump-%d", sig)
					p.out, p.files = server.URL(prefix), server.Dir(prefix)
				}
				asked, over := make(chan struct{}, 16), make(chan struct{})
				p.set("", func() bool { asked <- struct{}{}; <-over; return true })
				t.Cleanup(func() { close(over) })
				cmd, stderr := p.process(t, "--source-cache-off")
				<-asked
				if err := cmd.Process.Signal(sig); err != nil {
					t.Fatal(err)
				}
				_ = cmd.Wait()
				if got := cmd.ProcessState.ExitCode(); got != code || !strings.Contains(stderr.String(), "CONFIG SET cache-model 1, as it was") {
					t.Errorf("exit code %d:\n%s", got, stderr)
				}
				p.check(t, "1", false, "0", "1")
			})
		}
	}
}

// TestNohup: what is started to outlive its terminal goes on when that is gone.
func TestNohup(t *testing.T) {
	p := startCached(t, pikasim.Options{})
	asked, over := make(chan struct{}, 16), make(chan struct{})
	p.set("", func() bool { asked <- struct{}{}; <-over; return false })
	args := []string{"-c", `trap "" HUP; exec "$@"`, "sh", os.Args[0], "dump", "--uri", p.Addr(), "--out", p.out, "--source-cache-off"}
	cmd, stderr := p.start(t, exec.Command("sh", args...))
	<-asked
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	close(over)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, stderr)
	}
	p.check(t, "1", false, "0", "1")
}

// TestSourceCacheAfterCrash: the run after one that was killed sets it back, with the flag or
// without, unless somebody else has.
func TestSourceCacheAfterCrash(t *testing.T) {
	for _, tc := range []struct {
		name    string
		flags   []string
		between string // what cache-model is set to meanwhile
		changes []string
		value   string
		says    string
	}{
		{"without the flag", nil, "", []string{"0", "1"}, "1", "it is set back to 1 at the end"},
		{"with the flag", []string{"--source-cache-off"}, "", []string{"0", "1"}, "1", "it is set back to 1 at the end"},
		{"set back meanwhile", nil, "1", []string{"0", "1"}, "1", "cache-model of the source is 1 again"},
		{"set to something else", []string{"--source-cache-off"}, "2", []string{"0", "2", "0", "2"}, "2", "cache-model of the source is 2 again"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := startCached(t, pikasim.Options{})
			var second atomic.Bool
			asked, over := make(chan struct{}, 16), make(chan struct{})
			p.set("", func() bool {
				if second.Load() {
					return false
				}
				asked <- struct{}{}
				<-over
				return true
			})
			cmd, _ := p.process(t, "--source-cache-off")
			<-asked
			second.Store(true)
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			close(over)
			p.check(t, "0", true, "0")
			for _, flags := range [][]string{nil, {"--resume", "--type", "set"}} { // refused, but not without a word
				if r := p.dump(flags...); r.code != 5 || !strings.Contains(r.stderr, "an earlier run changed cache-model of source "+p.Addr()+" from 1 to 0") {
					t.Errorf("%q: exit code %d:\n%s", flags, r.code, r.stderr)
				}
			}
			if tc.between != "" {
				c := redis.NewClient(&redis.Options{Addr: p.Addr(), Protocol: 2, DisableIdentity: true})
				defer c.Close()
				if err := c.ConfigSet(t.Context(), "cache-model", tc.between).Err(); err != nil {
					t.Fatal(err)
				}
			}
			r := p.dump(append(tc.flags, "--resume")...)
			if r.code != 0 || !strings.Contains(r.stderr, tc.says) {
				t.Errorf("exit code %d:\n%s", r.code, r.stderr)
			}
			p.check(t, tc.value, false, tc.changes...)
		})
	}
}

// TestSourceCacheNotRestored: a restore that fails is said, with what to type, and the next run
// tries it again, even of a dump that is finished.
func TestSourceCacheNotRestored(t *testing.T) {
	p := startCached(t, pikasim.Options{})
	p.set("1", nil)
	host, port, _ := strings.Cut(p.Addr(), ":")
	types := "redis-cli -h " + host + " -p " + port + " CONFIG SET cache-model 1"
	p.dump("--source-cache-off").failed(t, 1, "THE SOURCE MAY NOT BE AS IT WAS", types, "not now")
	p.check(t, "0", true, "0")
	p.dump("--resume").failed(t, 1, "THE SOURCE MAY NOT BE AS IT WAS", types)
	p.check(t, "0", true, "0")
	p.set("", nil)
	if r := p.dump("--resume"); r.code != 0 || !strings.Contains(r.stderr, "finished already") || !strings.Contains(r.stderr, "CONFIG SET cache-model 1, as it was") {
		t.Errorf("exit code %d:\n%s", r.code, r.stderr)
	}
	p.check(t, "1", false, "0", "1")
}

// TestForeignSettings: a file of another source, or one that says nothing, ends the run.
func TestForeignSettings(t *testing.T) {
	for _, tc := range []struct {
		data string
		code int
		says string
	}{
		{`{"source":"10.0.0.1:9221","name":"cache-model","value":"1"}`, 5, "is about 10.0.0.1:9221"},
		{`{"source":"10.0.0.1:9221","na`, 1, "does not say what settings of the source were"},
		{`{}`, 1, "does not say what settings of the source were"},
	} {
		p := startCached(t, pikasim.Options{})
		if err := os.MkdirAll(p.out, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(p.out, storage.SettingsName), []byte(tc.data), 0o600); err != nil {
			t.Fatal(err)
		}
		p.dump().failed(t, tc.code, tc.says, storage.SettingsName)
		p.check(t, "1", true)
	}
}
