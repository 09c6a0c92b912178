package dump

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/faultproxy"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// cachedPika is a Pika whose cache is on. What is set at it is noted.
type cachedPika struct {
	*pikasim.Server
	out string // the dump

	mu      sync.Mutex
	changes []string // values of CONFIG SET cache-model, in turn
	refuse  string   // the value that it does not take
	noFile  bool     // a change came while no file said what was before
	atScan  func() (cut bool)
}

func startCached(t *testing.T, o pikasim.Options) *cachedPika {
	p := &cachedPika{out: newDir(t), atScan: func() bool { return false }}
	o.Intercept = func(_ int, args [][]byte) ([]byte, bool, bool) {
		if smallpika.IsOfScan(args, "PKSCANRANGE HASH") {
			p.mu.Lock()
			atScan := p.atScan
			p.mu.Unlock()
			return nil, false, atScan()
		}
		line := strings.ToLower(smallpika.Line(args))
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
		_, err := os.Stat(filepath.Join(p.out, storage.SettingsName))
		p.noFile = p.noFile || err != nil
		return nil, false, false
	}
	p.Server = smallpika.Start(t, o)
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

func (p *cachedPika) dump(t *testing.T, set ...func(*Options)) result {
	t.Helper()
	return makeDump(t, p.Addr(), p.out, set...)
}

func cacheOffWanted(o *Options) { o.CacheOff = true }

// check compares what was set and what holds now, and whether the file is there.
func (p *cachedPika) check(t *testing.T, value string, file bool, changes ...string) {
	t.Helper()
	if got, err := smallpika.Client(t, p.Addr()).ConfigGet(t.Context(), "cache-model").Result(); err != nil || got["cache-model"] != value {
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
	if got := slices.Contains(files(t, p.out), storage.SettingsName); got != file {
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
	r := p.dump(t, cacheOffWanted)
	r.ok(t)
	if during.Load() != "0" {
		t.Errorf("set to %v during the scan:\n%s", during.Load(), r.log)
	}
	for _, says := range []string{": CONFIG SET cache-model 0 (it was 1)", ": CONFIG SET cache-model 1, as it was"} {
		if strings.Count(r.log, says) != 1 {
			t.Errorf("the log does not say %q once:\n%s", says, r.log)
		}
	}
	if strings.Contains(r.log, "warning") {
		t.Errorf("it warns of a cache that is off:\n%s", r.log)
	}
	p.check(t, "1", false, "0", "1")
	p.dump(t, cacheOffWanted, resume).ok(t)
	p.check(t, "1", false, "0", "1")
}

// TestSourceCacheOfTwo: of two runs the first sets back what it has changed, and the other says so.
func TestSourceCacheOfTwo(t *testing.T) {
	p := startCached(t, pikasim.Options{Config: map[string]string{"cache-model": "0"}})
	p.set("", func() bool {
		smallpika.Client(t, p.Addr()).ConfigSet(context.Background(), "cache-model", "1")
		return false
	})
	p.dump(t, cacheOffWanted).ok(t, "warning: cache-model of the source is 1 now: another run, or somebody, has turned the cache on")
}

func TestSourceCacheOn(t *testing.T) {
	p := startCached(t, pikasim.Options{})
	p.dump(t).ok(t, "warning: the source's own cache is on (cache-model 1)", "--source-cache-off")
	p.check(t, "1", false)
}

// TestNoSourceCache: where there is no cache, or it is off, nothing is changed.
func TestNoSourceCache(t *testing.T) {
	p := startCached(t, pikasim.Options{Config: map[string]string{"cache-model": "0"}})
	if r := p.dump(t, cacheOffWanted); r.err != nil || strings.Contains(r.log, "CHANGED") {
		t.Errorf("%v\n%s", r.err, r.log)
	}
	p.check(t, "0", false)
	p = startCached(t, pikasim.Options{Version: pikasim.V340})
	p.dump(t, cacheOffWanted).ok(t, "Pika 3.4.0 has no cache")
}

// TestSourceCacheAfterError: a run that fails sets it back.
func TestSourceCacheAfterError(t *testing.T) {
	p := startCached(t, pikasim.Options{})
	p.set("", func() bool { return true })
	p.dump(t, cacheOffWanted).failed(t, reader.ErrUnavailable, "connection lost", "holds an unfinished dump")
	p.check(t, "1", false, "0", "1")
}

// TestSourceCacheRefused: a source that does not let its cache be changed is not dumped.
func TestSourceCacheRefused(t *testing.T) {
	p := startCached(t, pikasim.Options{})
	p.set("0", nil)
	p.dump(t, cacheOffWanted).failed(t, reader.ErrRefused, "--source-cache-off", "CONFIG SET cache-model 0", "not now")
	p.check(t, "1", false)
	unfinished(t, p.out)
}

// TestSourceCacheAfterCrash: the run after one that was killed sets it back, with the flag or
// without, unless somebody else has.
func TestSourceCacheAfterCrash(t *testing.T) {
	for _, tc := range []struct {
		name    string
		off     bool
		between string // what cache-model is set to meanwhile
		changes []string
		value   string
		says    string
	}{
		{"without the flag", false, "", []string{"0", "1"}, "1", "it is set back to 1 at the end"},
		{"with the flag", true, "", []string{"0", "1"}, "1", "it is set back to 1 at the end"},
		{"set back meanwhile", false, "1", []string{"0", "1"}, "1", "cache-model of the source is 1 again"},
		{"set to something else", true, "2", []string{"0", "2", "0", "2"}, "2", "cache-model of the source is 2 again"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := startCached(t, pikasim.Options{})
			killed := t.TempDir() // as it stands in the middle of the run
			kill := sync.OnceFunc(func() {
				if err := os.CopyFS(killed, os.DirFS(p.out)); err != nil {
					t.Error(err)
				}
			})
			p.set("", func() bool { kill(); return true })
			p.dump(t, cacheOffWanted).failed(t, reader.ErrUnavailable)
			p.out = killed
			p.set("", func() bool { return false })
			smallpika.Send(t, p.Addr(), "CONFIG SET cache-model 0")
			p.changes = []string{"0"}
			p.check(t, "0", true, "0")
			onlySets := func(o *Options) { o.Selection.Types = []format.Type{format.TypeSet} }
			for _, set := range []func(*Options){func(*Options) {}, func(o *Options) { onlySets(o); resume(o) }} { // refused, but not without a word
				if r := p.dump(t, set); r.err == nil || !strings.Contains(r.log, "an earlier run changed cache-model of source "+p.Addr()+" from 1 to 0") {
					t.Errorf("%v\n%s", r.err, r.log)
				}
			}
			if tc.between != "" {
				smallpika.Send(t, p.Addr(), "CONFIG SET cache-model "+tc.between)
			}
			p.dump(t, resume, func(o *Options) { o.CacheOff = tc.off }).ok(t, tc.says)
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
	for _, set := range []func(*Options){cacheOffWanted, resume} {
		r := p.dump(t, set)
		r.failed(t, r.err, "THE SOURCE MAY NOT BE AS IT WAS", types)
		p.check(t, "0", true, "0")
	}
	p.set("", nil)
	sum := summary.New("pikadump", "test", "dump")
	p.dump(t, resume, func(o *Options) { o.Summary = sum }).ok(t, "finished already", "CONFIG SET cache-model 1, as it was")
	p.check(t, "1", false, "0", "1")
	if sum.End(nil, 0); sum.Keys == 0 || sum.KeysPerSecond != 0 {
		t.Errorf("a run that dumped none of %d keys says that it dumped %g a second", sum.Keys, sum.KeysPerSecond)
	}
}

// TestSourceCacheRestarted: a source that was restarted in the middle of the run reads its cache
// from its configuration file again. It is off before anything is read, and on again at the end;
// where the file turns on what was off before, the run ends, and the next one turns it off.
func TestSourceCacheRestarted(t *testing.T) {
	for _, before := range []string{"1", "0"} {
		t.Run("it was "+before, func(t *testing.T) {
			p := startCached(t, pikasim.Options{Config: map[string]string{"cache-model": before}})
			again := startCached(t, pikasim.Options{}) // the same data, and another run_id
			again.out = p.out
			proxy, err := faultproxy.Start(p.Addr(), nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(proxy.Close)
			p.set("", func() bool {
				proxy.SetTarget(again.Addr())
				return true
			})
			var reads []string // what had been set when it was read
			again.set("", func() bool {
				again.mu.Lock()
				defer again.mu.Unlock()
				reads = append(reads, strings.Join(again.changes, " "))
				return false
			})
			run := func(set ...func(*Options)) result {
				one := func(o *Options) { o.Threads = 1 } // another could still be with the first
				return makeDump(t, proxy.Addr(), p.out, append(set, cacheOffWanted, one)...)
			}
			changes := []string{"0", "1"}
			if before == "1" {
				run().ok(t, "the source was restarted, and its cache was on again: CHANGED AT THE SOURCE", "CONFIG SET cache-model 1, as it was")
			} else {
				run().failed(t, reader.ErrRefused, "the source was restarted, and its cache-model is 1 now", "--resume")
				again.check(t, "1", false)
				run(resume).ok(t)
			}
			again.check(t, "1", false, changes...)
			again.mu.Lock()
			defer again.mu.Unlock()
			if len(reads) == 0 || slices.ContainsFunc(reads, func(r string) bool { return r != "0" }) {
				t.Errorf("it was read after %q was set", reads)
			}
		})
	}
}

// TestForeignSettings: a file of another source, or one that says nothing, ends the run.
func TestForeignSettings(t *testing.T) {
	for _, tc := range []struct{ data, says string }{
		{`{"source":"10.0.0.1:9221","name":"cache-model","value":"1"}`, "is about 10.0.0.1:9221"},
		{`{"source":"10.0.0.1:9221","na`, "does not say what settings of the source were"},
	} {
		p := startCached(t, pikasim.Options{})
		if err := os.MkdirAll(p.out, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(p.out, storage.SettingsName), []byte(tc.data), 0o600); err != nil {
			t.Fatal(err)
		}
		r := p.dump(t)
		r.failed(t, r.err, tc.says, storage.SettingsName)
		p.check(t, "1", true)
	}
}
