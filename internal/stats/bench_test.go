package stats

import (
	"os"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
)

// BenchmarkRun counts the dump that STATS_DUMP names.
func BenchmarkRun(b *testing.B) {
	dir := os.Getenv("STATS_DUMP")
	if dir == "" {
		b.Skip("STATS_DUMP names no dump")
	}
	a, err := archive.Open(b.Context(), dir, 2)
	if err != nil {
		b.Fatal(err)
	}
	defer a.Close()
	for b.Loop() {
		if _, err := Run(b.Context(), Options{Archive: a, Workers: 2}); err != nil {
			b.Fatal(err)
		}
	}
}
