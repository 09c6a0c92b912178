package verifytarget

import (
	"context"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/verify"
	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
	"github.com/pika2kvrocks/pika2kvrocks/writer/readback"
)

// A count of the target is worth while for so many keys without expiry, that are a part of all, and
// of which a string has so many bytes: counting reads the values of strings.
const (
	sparedPart = 8
	mostText   = 1 << 10
)

var leastSpared int64 = 10_000 // fewer for a test

// censuses begins one for each database in which it is worth while, if all of the dump is compared
// with a target that can have as many keys: another one costs more to count than it spares.
func (c *comparison) censuses(ctx context.Context) map[int]*verify.Census {
	all := map[int]*verify.Census{}
	if c.KeysOnly || c.Sample != nil || c.Rounds < 2 || c.throttle != nil || !c.Shard.IsAll() || c.Filter.Key() != nil || c.dump.Manifest.Delta != nil {
		return all
	}
	for _, db := range c.DBs() {
		var most question.Count
		short := true
		for _, t := range c.dump.Manifest.Totals {
			if t.DB == db && c.Filter.Type(t.Type) {
				most.Keys, most.Expiring = most.Keys+t.Keys, most.Expiring+t.Expiring
				short = short && (t.Type != format.TypeString || t.Raw <= t.Keys*mostText)
			}
		}
		spared := most.Keys - most.Expiring
		if spared < max(leastSpared, most.Keys/sparedPart) || !short {
			continue
		}
		if c.Dump == c.Base { // with a chain, whose deltas may bring as many more
			most.Keys *= 2
			most.Expiring = most.Keys
		}
		if counter, err := readback.NewCensus(ctx, c.target.Target, db, 4*spared); err == nil {
			of := ""
			if c.target.Target.Keyspace(db) == "__namespace/" { // SERVERS.md K10
				of = " in all namespaces"
			}
			all[db] = verify.NewCensus(counter, of, most, c.how.Clock(ctx))
		}
	}
	return all
}
