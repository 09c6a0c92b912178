package dump

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/sample"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// startMany starts a Pika with so many keys as strings and sets of the same names.
func startMany(t *testing.T, n int, o pikasim.Options) *pikasim.Server {
	t.Helper()
	s := smallpika.Start(t, o)
	c := smallpika.Client(t, s.Addr())
	seed := uint64(1)
	value := make([]byte, 2048)
	_, err := c.Pipelined(t.Context(), func(p redis.Pipeliner) error {
		for i := range n {
			for j := range value { // does not compress
				seed = seed*6364136223846793005 + 1442695040888963407
				value[j] = byte(seed >> 56)
			}
			p.Set(t.Context(), fmt.Sprintf("key:%05d", i), bytes.Clone(value), 0)
			p.SAdd(t.Context(), fmt.Sprintf("key:%05d", i), "m")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// mustDump dumps a source of startMany, whose names exist under two types: their expiries cannot be
// told.
func mustDump(t *testing.T, s *pikasim.Server, out string, set ...func(*Options)) {
	t.Helper()
	makeDump(t, s.Addr(), out, set...).leftOut(t, "not in it, or without a part or the expiry", "expiry-unknown")
}

// trial chooses a sample, and the first keys of each type.
func trial(share string, limit int64) func(*Options) {
	return func(o *Options) {
		var err error
		if o.Selection.Sample, err = sample.Parse(share); err != nil {
			panic(err)
		}
		o.Selection.LimitKeys = limit
	}
}

// TestSample: each run takes the same keys, in each type the same names.
func TestSample(t *testing.T) {
	s := startMany(t, 2000, pikasim.Options{})
	first, second := newDir(t), newDir(t)
	mustDump(t, s, first, trial("10%", 0))
	mustDump(t, s, second, trial("0.1", 0), func(o *Options) { o.Reader.PageKeys = 7 })
	m, keys := smallpika.Dumped(t, first)
	_, again := smallpika.Dumped(t, second)
	if m.Options.Sample != 0.1 || m.Options.LimitKeys != 0 {
		t.Errorf("the manifest has %+v", m.Options)
	}
	if n := len(keys["string"]); n < 160 || n > 240 {
		t.Errorf("10 %% of 2,000 keys are %d", n)
	}
	common := slices.DeleteFunc(keys["set"], func(k string) bool { return k == "set" })
	if got := slices.DeleteFunc(keys["string"], func(k string) bool { return k[0] == 's' }); !slices.Equal(got, common) {
		t.Errorf("%d strings and %d sets: not the same names", len(got), len(common))
	}
	if !slices.Equal(keys["string"], again["string"][:len(keys["string"])]) {
		t.Error("another run takes other keys")
	}
	var about *summary.Summary
	makeDump(t, s.Addr(), newDir(t), trial("1%", 0), match("nosuch"), func(o *Options) { about = o.Summary })
	if !slices.ContainsFunc(about.Notes, func(n string) bool {
		return strings.HasPrefix(n, "a sample may have none of the names with several types")
	}) {
		t.Errorf("%q", about.Notes)
	}
	all := newDir(t)
	mustDump(t, s, all, trial("100%", 0), match("key:*"))
	if _, keys := smallpika.Dumped(t, all); len(keys["string"]) != 2000 {
		t.Errorf("100 %% of 2,000 keys are %d", len(keys["string"]))
	}
}

// TestLimitKeys: the first keys of each type, also where the run was stopped in between.
func TestLimitKeys(t *testing.T) {
	var pages, cutAt atomic.Int64 // from that page on, all are cut
	s := startMany(t, 1000, pikasim.Options{Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
		return nil, false, smallpika.IsOfScan(args, "PKSCANRANGE STRING_WITH_VALUE") && pages.Add(1) >= cutAt.Load() && cutAt.Load() > 0
	}})
	set := func(o *Options) {
		o.Selection.LimitKeys, o.Selection.Types = 600, []format.Type{format.TypeString, format.TypeSet}
		o.Archive.ChunkBytes, o.Reader.PageKeys, o.Reader.Latency = 64<<10, 50, time.Hour
	}
	whole := newDir(t)
	mustDump(t, s, whole, set)
	m, want := smallpika.Dumped(t, whole)
	if len(want["string"]) != 600 || len(want["set"]) != 600 || m.Options.LimitKeys != 600 || want["string"][0] != "key:00000" {
		t.Fatalf("%d strings and %d sets, options %+v", len(want["string"]), len(want["set"]), m.Options)
	}
	n, chunks := pages.Load(), m.Totals[0].Chunks
	if n < 12 || n > 30 || chunks < 3 {
		t.Errorf("for 600 keys %d pages of 50 were read into %d chunks", n, chunks)
	}
	for cut := int64(1); cut <= 10; cut += 3 {
		out := newDir(t)
		pages.Store(0)
		cutAt.Store(cut)
		makeDump(t, s.Addr(), out, set).failed(t, reader.ErrUnavailable, "connection lost")
		cutAt.Store(0)
		mustDump(t, s, out, set, resume)
		if _, got := smallpika.Dumped(t, out); !slices.Equal(got["string"], want["string"]) || !slices.Equal(got["set"], want["set"]) {
			t.Errorf("stopped at page %d: %d strings and %d sets", cut, len(got["string"]), len(got["set"]))
		}
	}
	// A chunk is missing before others, as uploads that are cut leave it.
	out := newDir(t)
	pages.Store(0)
	cutAt.Store(n - 2)
	makeDump(t, s.Addr(), out, set).failed(t, reader.ErrUnavailable, "connection lost")
	cutAt.Store(0)
	if err := os.Remove(filepath.Join(out, format.ChunkName(0, format.TypeString, 1))); err != nil {
		t.Fatal(err)
	}
	mustDump(t, s, out, set, resume)
	if _, got := smallpika.Dumped(t, out); !slices.Equal(got["string"], want["string"]) || !slices.Equal(got["set"], want["set"]) {
		t.Errorf("without its first chunk: %d strings and %d sets", len(got["string"]), len(got["set"]))
	}
}

// TestTrialDiffers: a trial is resumed as it was begun.
func TestTrialDiffers(t *testing.T) {
	var cut atomic.Bool
	cut.Store(true)
	s := smallpika.Start(t, pikasim.Options{Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
		return nil, false, smallpika.IsOfScan(args, "PKSCANRANGE SET") && cut.Load()
	}})
	out := newDir(t)
	makeDump(t, s.Addr(), out, trial("50%", 5)).failed(t, reader.ErrUnavailable, "connection lost")
	makeDump(t, s.Addr(), out, trial("40%", 5), resume).failed(t, archive.ErrDiffers, "its --sample is 0.5, now it is 0.4")
	makeDump(t, s.Addr(), out, trial("50%", 0), resume).failed(t, archive.ErrDiffers, "its --limit-keys is 5, now it is 0")
	cut.Store(false)
	makeDump(t, s.Addr(), out, trial("50%", 5), resume).ok(t)
}
