package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
)

// memoryLimit is how much either tool may ever use at its default options, whatever
// the data.
const memoryLimit = 128 << 20

// A bulk is data of one shape.
type bulk struct {
	name  string
	count int
	fill  func(f *filler, count int)
	size  func(t *testing.T, c *redis.Client) int64 // what a target holds of it
}

func dbSize(t *testing.T, c *redis.Client) int64 { return int64(len(scan(t, c))) }

func bulks(strings, fields, large int) []bulk {
	return []bulk{
		{"small strings", strings, fillStrings, dbSize},
		{"fields of one hash", fields, fillHash, func(t *testing.T, c *redis.Client) int64 { return c.HLen(t.Context(), "hash").Val() }},
		{"strings of 1 MiB", large, fillLarge, dbSize},
		{"fields of 64 KiB", 16 * large, fillLargeFields, fieldCount},
	}
}

func fillStrings(f *filler, count int) {
	rng := rand.New(rand.NewPCG(seed, 0))
	for i := range count {
		f.do("SET", fmt.Appendf(nil, "key:%09d", i), noise(rng, rng.IntN(64)))
	}
}

func fillHash(f *filler, count int) {
	rng := rand.New(rand.NewPCG(seed, 0))
	for i := 0; i < count; {
		cmd := []any{"HMSET", "hash"}
		for range min(fillElements, count-i) {
			cmd = append(cmd, fmt.Appendf(nil, "field:%09d", i), noise(rng, rng.IntN(64)))
			i++
		}
		f.do(cmd...)
		f.flush()
	}
}

func fillLarge(f *filler, count int) {
	rng := rand.New(rand.NewPCG(seed, 0))
	for i := range count {
		f.do("SET", fmt.Appendf(nil, "key:%09d", i), noise(rng, 1<<20))
	}
}

// fieldsOfHash is how many large fields each hash has.
const fieldsOfHash = 400

func fillLargeFields(f *filler, count int) {
	rng := rand.New(rand.NewPCG(seed, 0))
	for i := range count {
		f.do("HSET", fmt.Appendf(nil, "hash:%09d", i/fieldsOfHash), fmt.Appendf(nil, "field:%09d", i), noise(rng, 64<<10))
	}
}

func fieldCount(t *testing.T, c *redis.Client) (n int64) {
	for key := range scan(t, c) {
		n += c.HLen(t.Context(), key).Val()
	}
	return n
}

// TestMemory measures both tools with large data. It takes minutes and 10 GB of memory.
func TestMemory(t *testing.T) {
	parallel(t)
	if os.Getenv("E2E_MEMORY") != "1" {
		t.Skip("MEMORY IS MEASURED WITH SMALL DATA ONLY: set E2E_MEMORY=1 for large data")
	}
	measureBulks(t, bulks(5_000_000, 10_000_000, 2000))
}

// TestMemorySmall does the same with data that only has to be larger than the limit.
func TestMemorySmall(t *testing.T) {
	parallel(t)
	measureBulks(t, bulks(200_000, 300_000, 100))
}

func measureBulks(t *testing.T, list []bulk) {
	for _, b := range list {
		t.Run(b.name, func(t *testing.T) {
			t.Run("from pikasim 3.5.5", func(t *testing.T) {
				b.measure(t, simulate(t, pikasim.Options{Version: pikasim.V355}))
			})
			eachRealSource(t, b.measure)
		})
	}
}

func (b *bulk) measure(t *testing.T, s source) {
	f := newFiller(t, client(t, s.addr, 0))
	b.fill(f, b.count)
	f.flush()
	dir := filepath.Join(t.TempDir(), "dump")
	b.check(t, "pikadump dump", runMeasured(t, 0, "pikadump", "dump", "--quiet", "--uri", "redis://"+s.addr, "--out", dir))
	b.check(t, "pikadump verify", runMeasured(t, 0, "pikadump", "verify", "--quiet", "--uri", "redis://"+s.addr, "--in", dir))
	chain, merged := filepath.Join(t.TempDir(), "chain"), filepath.Join(t.TempDir(), "merged")
	smalldump.Delta(t, archive.DeltaPath(chain, 1), dir, []format.Record{smalldump.Deleted("nosuch")})
	b.check(t, "kvload merge", runMeasured(t, 0, "kvload", "merge", "--quiet", "--out", merged, dir, chain))
	eachTarget(t, func(t *testing.T, to target) {
		b.check(t, "kvload load", runMeasured(t, 0, "kvload", "load", "--quiet", "--uri", "redis://"+to.addr, "--in", dir))
		if n := b.size(t, client(t, to.addr, 0)); n != int64(b.count) {
			t.Errorf("the target holds %d, want %d", n, b.count)
		}
		b.check(t, "kvload verify", runMeasured(t, 0, "kvload", "verify", "--quiet", "--reverse", "--uri", "redis://"+to.addr, "--in", dir))
	})
}

func (b *bulk) check(t *testing.T, what string, r result) {
	t.Helper()
	t.Logf("%s, %d %s: VmHWM %.1f MiB", what, b.count, b.name, float64(r.peak)/(1<<20))
	if r.peak > memoryLimit {
		t.Errorf("that is above %d MiB", memoryLimit>>20)
	}
}
