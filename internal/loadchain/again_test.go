package loadchain

import (
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
)

// hyperloglog is a record that is left out.
func hyperloglog(key string) format.Record {
	r := smalldump.String(key, "any bytes")
	r.Kind = format.HyperLogLog
	return r
}

// TestFollowLeftOut: what deltas have left out counts in every run behind them, so that one that
// was stopped ends as one that was not.
func TestFollowLeftOut(t *testing.T) {
	c := newChain(t, smalldump.String("a", "0"))
	c.load(c.base)
	c.delta(hyperloglog("h"))
	c.delta(hyperloglog("i"), hyperloglog("j"))
	c.follow(false, 3, "delta 1: ", "delta 2: ")
	c.follow(false, 3, "nothing was sent", "3 keys: hyperloglog", "*", "delta 2: ", "delta 1: ")
	c.delta(smalldump.String("a", "1"))
	s := c.follow(false, 3, "3 keys: hyperloglog")
	if s.Chain.Deltas != 1 || s.Keys != 1 {
		t.Errorf("%+v", s)
	}
	c.delta(smalldump.String("a", "2"))
	c.follow(false, 3, "3 keys: hyperloglog")
	c.holds("a=string")
}

// TestFollowEmptied: a target that was emptied does not hold what was loaded, whatever a journal
// says.
func TestFollowEmptied(t *testing.T) {
	c := newChain(t, smalldump.String("a", "0"))
	c.load(c.base)
	c.delta(smalldump.String("a", "1"), smalldump.String("b", "1"))
	c.follow(false, 0)
	c.follow(false, 0, "nothing was sent")
	c.m.FlushAll()
	c.follow(false, 5, "")
	c.delta(smalldump.String("c", "1"))
	c.follow(false, 5, "")
	c.holds("")
}
