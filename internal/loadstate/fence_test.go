package loadstate

import (
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/shard"
)

// TestFenceRun: connections are told the number of the last write in any order; only one that is
// lower than what was known before the server was asked says that writes are lost.
func TestFenceRun(t *testing.T) {
	const addr = "127.0.0.1:6666"
	d := &PassingDoubts{}
	run := Fence(journal.Identity{}, shard.Shard{}, false, d).Run
	tell := func(told func(string) error, state, known string, why bool) {
		t.Helper()
		if err := told(state); err != nil || d.Runs()[addr] != known || (d.Why != "") != why {
			t.Errorf("told %s: %v, known is %s, want %s; doubts: %q, want some: %v", state, err, d.Runs()[addr], known, d.Why, why)
		}
	}
	first := run(addr)
	tell(run(addr), "100", "100", false)
	late := run(addr)
	tell(run(addr), "1000", "1000", false)
	tell(late, "100", "1000", false)
	tell(first, "7", "1000", false)
	tell(run("other:6666"), "5", "1000", false)
	tell(run(addr), "999", "999", true)
	if !strings.Contains(d.Why, addr+" was restored, or a replica took its place that lagged") {
		t.Error(d.Why)
	}
	d.Why = ""
	tell(run(addr), "1001", "1001", false)
	tell(run(addr), "a9", "a9", true) // it is a Redis now
}

// TestFenceNames: loads of the same keys have the same names, whatever they do with them.
func TestFenceNames(t *testing.T) {
	name := func(settings map[string]string) string {
		return Fence(journal.Identity{Dump: "d", Settings: settings}, shard.Shard{}, false, nil).Name
	}
	one := name(map[string]string{"--type": "hash", "--on-exists": "fail", "--ttl": "keep"})
	if two := name(map[string]string{"--type": "hash", "--on-exists": "replace", "--ttl": "drop"}); two != one {
		t.Errorf("%s and %s", one, two)
	}
	for _, flag := range []string{"--db", "--type", "--match", "--key-prefix-strip", "--key-prefix-add"} {
		if other := name(map[string]string{"--type": "hash", flag: "x"}); other == one {
			t.Errorf("%s makes no difference", flag)
		}
	}
}
