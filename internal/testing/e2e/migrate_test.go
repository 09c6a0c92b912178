package e2e

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// seed of every data set, beside the number of its database.
const seed = 20_260_101

// keyCount is how many keys a source is filled with: many on real ones, whose pages and cursors are
// their own. A simulated one shows no more with ten times as many.
func keyCount(s source) int {
	if s.real && !testing.Short() {
		return 200_000
	}
	return 20_000
}

// TestMigrate moves a data set of every type and every edge from every source to
// every target.
func TestMigrate(t *testing.T) {
	parallel(t)
	eachSource(t, func(t *testing.T, s source) {
		m := newModel(seed, keyCount(s), s)
		m.fill(t, client(t, s.addr, 0))
		start := time.Now()
		dir := dump(t, 0, s)
		t.Logf("dump: %s", rate(m.keys, time.Since(start)))
		m.checkCounts(t, inspect(t, dir), 0)
		eachTarget(t, func(t *testing.T, to target) {
			start := time.Now()
			left := load(t, 3, dir, to)
			t.Logf("load: %s", rate(m.keys, time.Since(start)))
			m.checkLeftOut(t, left)
			m.verify(t, to, 0)
			start = time.Now()
			list, _ := verifying(t, 0, dir, to, "--reverse")
			t.Logf("verify: %s", rate(m.keys, time.Since(start)))
			for _, d := range list {
				if d.Class != "left out by the load" || d.Kind != "hyperloglog" {
					t.Errorf("%s %.80q: %s", d.Kind, d.Key, d.Class)
				}
			}
			if len(list) != len(left) {
				t.Errorf("%d keys explained, want %d", len(list), len(left))
			}
		})
	})
}

func rate(keys int, took time.Duration) string {
	return fmt.Sprintf("%d keys in %.1f s, %.0f keys/s", keys, took.Seconds(), float64(keys)/took.Seconds())
}

// checkLeftOut checks that the report lists the hyperloglogs and nothing else.
func (m *model) checkLeftOut(t *testing.T, left []leftOut) {
	t.Helper()
	want := map[string]bool{}
	for i := range min(m.keys, len(shaped)) {
		if r := m.record(i); r.Kind == format.HyperLogLog {
			want[string(r.Key)] = true
		}
	}
	for _, l := range left {
		if !want[string(l.Key)] || l.Kind != "hyperloglog" || l.Reason != "hyperloglog" || l.Member != nil {
			t.Errorf("left out: %s %.80q, %s", l.Kind, l.Key, l.Reason)
		}
		delete(want, string(l.Key))
	}
	if len(want) > 0 {
		t.Errorf("the report does not list %q", slices.Collect(maps.Keys(want)))
	}
}

// TestDatabases: two databases go to two databases, and never into one by accident.
func TestDatabases(t *testing.T) {
	parallel(t)
	eachSource(t, func(t *testing.T, s source) {
		first, second := newModel(seed, 2000, s), newModel(seed+1, 3000, s)
		first.fill(t, client(t, s.addr, 0))
		second.fill(t, client(t, s.addr, 1))
		dir := dump(t, 0, s)
		m := inspect(t, dir)
		first.checkCounts(t, m, 0)
		second.checkCounts(t, m, 1)
		eachTarget(t, func(t *testing.T, to target) {
			load(t, 5, dir, to)
			if to.kvrocks { // SELECT says OK there and does nothing
				load(t, 5, dir, to, "--map-db", "0=db:0,1=db:1")
				mustHold(t, to, 0)
				return
			}
			mustHold(t, to, 0)
			load(t, 3, dir, to, "--map-db", "0=db:0,1=db:1")
			first.verify(t, to, 0)
			second.verify(t, to, 1)
		})
		to := startRedis(t)
		load(t, 3, dir, to, "--db", "1")
		second.verify(t, to, 0)
	})
}
