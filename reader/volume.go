package reader

import (
	"context"
	"regexp"
	"strconv"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// A Volume is about how much a source holds, from what it tells without looking.
type Volume struct {
	From string // what it was read from; empty: the source does not tell
	All  int64  // rows (Rows), or keys
	Keys bool   // they are keys
	// ByType are the parts of All, by database; nil: not told. A type that is missing is not known.
	ByType []map[format.Type]int64
}

// rowsPattern finds RocksDB's estimates in INFO rocksdb (3.5+): one per type and database up
// to 3.5, one per instance and database on 4.0.
var rowsPattern = regexp.MustCompile(`(?m)^(\w+)_estimate_num_keys:(\d+)`)

// Volume returns about how many rows RocksDB holds: one per string, and for a collection one for
// the key and one or two per element (Rows). It counts dead rows too. A version that does not tell
// has perhaps counted its keys once, which may be long ago.
func (s *Scanner) Volume(ctx context.Context, dbs []int) (Volume, error) {
	c, err := s.dial(ctx, 0)
	if err != nil {
		return Volume{}, err
	}
	defer c.close()
	p := c.do(ctx, "INFO", "rocksdb")
	text := p.Bulk()
	if p.Err() != nil {
		return Volume{}, p.Err()
	}
	v := Volume{From: "INFO rocksdb"}
	seen := map[format.Type]int{} // databases
	for _, m := range rowsPattern.FindAllSubmatch(text, -1) {
		n, _ := strconv.ParseInt(string(m[2]), 10, 64)
		v.All += n
		if t, ok := infoTypes[string(m[1])]; ok {
			db := seen[t]
			if seen[t]++; db == len(v.ByType) {
				v.ByType = append(v.ByType, map[format.Type]int64{})
			}
			v.ByType[db][t] = n
		}
	}
	if v.All > 0 || !s.Source().Counts() {
		return v, nil
	}
	return c.lastVolume(ctx, dbs), nil
}

// lastVolume is the Volume by the last counts of the databases.
func (c *conn) lastVolume(ctx context.Context, dbs []int) Volume {
	v := Volume{From: "the last INFO keyspace", Keys: true}
	for _, db := range dbs {
		counts, _, err := c.lastCount(ctx, db, false)
		for db >= len(v.ByType) {
			v.ByType = append(v.ByType, map[format.Type]int64{})
		}
		for t, n := range counts {
			v.All += n.Keys
			v.ByType[db][t] = n.Keys
		}
		if err != nil {
			break // it refuses
		}
	}
	if v.All == 0 { // it never counted
		v.From, v.ByType = "", nil
	}
	return v
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
