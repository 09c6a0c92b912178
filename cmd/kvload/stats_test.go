package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/stats"
)

// TestStats: as text, as JSON, and of dumps that cannot be read.
func TestStats(t *testing.T) {
	dir := makeDump(t, []format.Record{text("user:1", "a"), text("user:2", "b"), hash("h", "f", "v")})
	if r := runCommand("stats", "--quiet", dir); r.code != 0 || !strings.Contains(r.stdout, "user:<n>") || r.stderr != "" {
		t.Errorf("exit code %d, %s%s", r.code, r.stdout, r.stderr)
	}
	r := runCommand("stats", "--json", "--quiet", "--threads", "1", dir)
	s := stats.Stats{}
	if err := json.Unmarshal([]byte(r.stdout), &s); err != nil || r.code != 0 || s.Counts.Keys != 3 || s.Elements != 3 {
		t.Errorf("exit code %d, %v: %s%s", r.code, err, r.stdout, r.stderr)
	}
	if strings.Contains(r.stdout, "null") && !strings.Contains(r.stdout, `"expires": null`) || strings.Contains(r.stdout, `\u003c`) {
		t.Error(r.stdout)
	}
	runCommand("stats", "--threads", "0", dir).failed(t, 2, "--threads 0")
	runCommand("stats", t.TempDir()).failed(t, 10, "no finished dump")
	edit(t, dir, format.ChunkName(0, format.TypeHash, 1), func(data []byte) []byte { data[len(data)/2] ^= 1; return data })
	runCommand("stats", "--quiet", dir).failed(t, 13, "checksum mismatch")
}
