package reader

import (
	"context"
	"regexp"
	"strconv"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// rowsPattern finds RocksDB's estimates in INFO rocksdb (3.5+): one per type and database up
// to 3.5, one per instance and database on 4.0.
var rowsPattern = regexp.MustCompile(`(?m)_estimate_num_keys:(\d+)`)

// EstimateRows returns about how many rows RocksDB holds in all databases: one per string, and
// for a collection one for the key and one or two per element (Rows). It counts dead rows
// too. 0: the version does not tell.
func (s *Scanner) EstimateRows(ctx context.Context) (int64, error) {
	c, err := s.dial(ctx, 0)
	if err != nil {
		return 0, err
	}
	defer c.close()
	p, err := c.do(ctx, "INFO", "rocksdb")
	if err != nil {
		return 0, err
	}
	text, err := p.Bulk()
	if err != nil {
		return 0, err
	}
	total := int64(0)
	for _, m := range rowsPattern.FindAllSubmatch(text, -1) {
		n, _ := strconv.ParseInt(string(m[1]), 10, 64)
		total += n
	}
	return total, nil
}

// Rows returns how many rows of RocksDB the record was made of.
func Rows(r *format.Record) int64 {
	n := int64(r.Part & format.PartFirst)
	switch r.Kind {
	case format.Zset:
		return n + 2*int64(len(r.Elems))
	case format.String, format.HyperLogLog:
		return n
	}
	return n + int64(r.Elements())
}
