package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/sample"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// dumped returns the manifest of a finished dump and the names of its keys by type.
func dumped(t *testing.T, dir string) (*format.Manifest, map[format.Type][]string) {
	t.Helper()
	a, err := archive.Open(t.Context(), dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	keys := map[format.Type][]string{}
	for _, c := range a.Manifest.Chunks {
		src, err := a.OpenChunk(c)
		if err != nil {
			t.Fatal(err)
		}
		for {
			r, err := src.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if r.Part&format.PartFirst != 0 {
				keys[c.Type] = append(keys[c.Type], string(r.Key))
			}
		}
		src.Close()
	}
	return a.Manifest, keys
}

// startMany starts a Pika with so many keys as strings and sets of the same names.
func startMany(t *testing.T, n int, o pikasim.Options) *pikasim.Server {
	t.Helper()
	s := startPika(t, o)
	c := redis.NewClient(&redis.Options{Addr: s.Addr(), Protocol: 2, DisableIdentity: true})
	defer c.Close()
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

// mustDump dumps a source of startMany, whose names stand in two types: their expiries cannot be told.
func mustDump(t *testing.T, s *pikasim.Server, out string, flags ...string) {
	t.Helper()
	runCommand(append([]string{"dump", "--uri", s.Addr(), "--out", out}, flags...)...).failed(t, exitcode.LeftOut, "expiry-unknown")
}

// TestSample: each run takes the same keys, in each type the same names.
func TestSample(t *testing.T) {
	s := startMany(t, 2000, pikasim.Options{})
	first, second := filepath.Join(t.TempDir(), "dump"), filepath.Join(t.TempDir(), "dump")
	mustDump(t, s, first, "--sample", "10%")
	mustDump(t, s, second, "--sample", "0.1", "--page-keys", "7")
	m, keys := dumped(t, first)
	_, again := dumped(t, second)
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
	all := filepath.Join(t.TempDir(), "dump")
	mustDump(t, s, all, "--sample", "100%", "--match", "key:*")
	if _, keys := dumped(t, all); len(keys["string"]) != 2000 {
		t.Errorf("100 %% of 2,000 keys are %d", len(keys["string"]))
	}
}

// TestSampleIsFixed: the keys of a sample never change, for a dump may be gone on with by a
// newer version.
func TestSampleIsFixed(t *testing.T) {
	twentieth, err := sample.Parse("5%")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range 100 {
		if key := fmt.Sprintf("key:%d", i); twentieth.Holds([]byte(key)) {
			got = append(got, key)
		}
	}
	if want := "key:28 key:56 key:70 key:90"; strings.Join(got, " ") != want {
		t.Errorf("%q, want %q", strings.Join(got, " "), want)
	}
}

// TestLimitKeys: the first keys of each type, also where the run was stopped in between.
func TestLimitKeys(t *testing.T) {
	var pages, cutAt atomic.Int64 // from that page on, all are cut
	s := startMany(t, 1000, pikasim.Options{Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
		return nil, false, inScan(args, "PKSCANRANGE STRING_WITH_VALUE") && pages.Add(1) >= cutAt.Load() && cutAt.Load() > 0
	}})
	flags := []string{"--limit-keys", "600", "--chunk-size", "64KiB", "--page-keys", "50", "--reply-time", "1h", "--type", "string,set"}
	whole := filepath.Join(t.TempDir(), "dump")
	mustDump(t, s, whole, flags...)
	m, want := dumped(t, whole)
	if len(want["string"]) != 600 || len(want["set"]) != 600 || m.Options.LimitKeys != 600 || want["string"][0] != "key:00000" {
		t.Fatalf("%d strings and %d sets, options %+v", len(want["string"]), len(want["set"]), m.Options)
	}
	n, chunks := pages.Load(), m.Totals[0].Chunks
	if n < 12 || n > 30 || chunks < 3 {
		t.Errorf("for 600 keys %d pages of 50 were read into %d chunks", n, chunks)
	}
	for cut := int64(1); cut <= 10; cut += 3 {
		out := filepath.Join(t.TempDir(), "dump")
		pages.Store(0)
		cutAt.Store(cut)
		args := append([]string{"dump", "--uri", s.Addr(), "--out", out}, flags...)
		runCommand(args...).failed(t, 75, "connection lost")
		cutAt.Store(0)
		mustDump(t, s, out, append(flags, "--resume")...)
		if _, got := dumped(t, out); !slices.Equal(got["string"], want["string"]) || !slices.Equal(got["set"], want["set"]) {
			t.Errorf("stopped at page %d: %d strings and %d sets", cut, len(got["string"]), len(got["set"]))
		}
	}
	// A chunk is missing before others, as uploads that are cut leave it.
	out := filepath.Join(t.TempDir(), "dump")
	pages.Store(0)
	cutAt.Store(n - 2)
	runCommand(append([]string{"dump", "--uri", s.Addr(), "--out", out}, flags...)...).failed(t, 75, "connection lost")
	cutAt.Store(0)
	if err := os.Remove(filepath.Join(out, format.ChunkName(0, format.TypeString, 1))); err != nil {
		t.Fatal(err)
	}
	mustDump(t, s, out, append(flags, "--resume")...)
	if _, got := dumped(t, out); !slices.Equal(got["string"], want["string"]) || !slices.Equal(got["set"], want["set"]) {
		t.Errorf("without its first chunk: %d strings and %d sets", len(got["string"]), len(got["set"]))
	}
}

// TestTrialDiffers: a trial is gone on with as it was begun.
func TestTrialDiffers(t *testing.T) {
	var cut atomic.Bool
	cut.Store(true)
	s := startPika(t, pikasim.Options{Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
		return nil, false, inScan(args, "PKSCANRANGE SET") && cut.Load()
	}})
	out := filepath.Join(t.TempDir(), "dump")
	dump := func(flags ...string) result {
		return runCommand(append([]string{"dump", "--uri", s.Addr(), "--out", out}, flags...)...)
	}
	dump("--sample", "50%", "--limit-keys", "5").failed(t, 75, "connection lost")
	dump("--sample", "40%", "--limit-keys", "5", "--resume").failed(t, 5, "its --sample is 0.5, now it is 0.4")
	dump("--sample", "50%", "--resume").failed(t, 5, "its --limit-keys is 5, now it is 0")
	cut.Store(false)
	if r := dump("--sample", "50%", "--limit-keys", "5", "--resume"); r.code != 0 {
		t.Errorf("exit code %d:\n%s", r.code, r.stderr)
	}
}
