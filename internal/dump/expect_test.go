package dump

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
)

// TestMeter: what is dumped is counted by type, and the whole is estimated from what the version
// tells: rows by type, rows of all, or keys once it has counted them.
func TestMeter(t *testing.T) {
	bulk := func(text string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text) }
	rows := bulk("#strings_RocksDB\r\nstrings_estimate_num_keys:4\r\n#hashes_RocksDB\r\nhashes_estimate_num_keys:1000000\r\n")
	all := bulk("#instance0_RocksDB\r\ninstance0_estimate_num_keys:7\r\n")
	for _, x := range []struct {
		name    string
		version pikasim.Version
		rocksdb string
		set     func(*Options)
		from    string
		hashes  int64 // Whole of the part while it runs; -1: not known
	}{
		{name: "by type", version: pikasim.V355, rocksdb: rows, from: "INFO rocksdb", hashes: 1_000_000},
		{name: "all", version: pikasim.V401, rocksdb: all, from: "INFO rocksdb", hashes: -1},
		{name: "no rows", version: pikasim.V340, rocksdb: bulk(""), from: "INFO keyspace", hashes: 1},
		{name: "a trial", version: pikasim.V355, rocksdb: rows, set: func(o *Options) { o.Selection.LimitKeys = 1 }, hashes: -1},
	} {
		t.Run(x.name, func(t *testing.T) {
			m := progress.NewMeter()
			var seen progress.Snapshot // while hashes are read
			s := smallpika.Start(t, pikasim.Options{Version: x.version, Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
				if smallpika.IsOfScan(args, "PKSCANRANGE HASH") {
					for seen = m.Snapshot(); seen.Estimate != x.from; {
						seen = m.Snapshot() // the source still counts
					}
				}
				reply, ok := map[bool]string{true: x.rocksdb}[strings.EqualFold(smallpika.Line(args), "INFO rocksdb")]
				return []byte(reply), ok, false
			}})
			if r := makeDump(t, s.Addr(), newDir(t), func(o *Options) {
				o.Meter, o.Threads = m, 1
				if x.set != nil {
					x.set(o)
				}
			}); r.err != nil {
				t.Fatal(r.err, r.log)
			}
			hash := progress.Part{}
			for _, p := range seen.Parts {
				if p.Type == string(format.TypeHash) {
					hash = p
				}
			}
			if seen.Estimate != x.from || hash.Whole != x.hashes || hash.State != progress.Running {
				t.Errorf("while it runs: %+v, of %+v", seen, hash)
			}
			if end := m.Snapshot(); end.Total.State != progress.Done || end.Total.Keys < 5 || *end.Total.Share != 1 {
				t.Errorf("at the end: %+v", end)
			}
		})
	}
}
