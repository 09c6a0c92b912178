package e2e

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/faultproxy"
)

// archived is how old the dumps here are.
const archived = 2 * time.Hour

// archivedKeys are keys of an old dump, of every kind: a quarter of them never expires, a quarter
// long after the load, a quarter was over before it, and a quarter is over soon after it.
func archivedKeys(began time.Time) []*record {
	keys := loadCrashKeys()[:200]
	for i, r := range keys {
		lives := []time.Duration{0, archived + 10*time.Hour, archived / 2, archived + time.Hour}[i%4]
		if r.Expire = 0; lives > 0 {
			r.Expire = began.Add(lives).UnixMilli() + int64(i)
		}
	}
	return keys
}

// choose returns those of the records that keep says, as change makes them.
func choose(keys []*record, keep func(i int) bool, change func(r *record)) (chosen []*record) {
	for i, r := range keys {
		if keep(i) {
			c := *r
			change(&c)
			chosen = append(chosen, &c)
		}
	}
	return chosen
}

// TestTTL: every policy brings the expiries that it says, also when the load is stopped in between
// and goes on later; verify and rollback understand it.
func TestTTL(t *testing.T) {
	parallel(t)
	began := time.Now().Add(-archived)
	keys := archivedKeys(began)
	dir := writeDumpOf(t, began, keys)
	all := func(int) bool { return true }
	eachTarget(t, func(t *testing.T, to target) {
		for _, tc := range []struct {
			name  string
			flags []string
			keep  func(i int) bool
			says  string
		}{
			{"keep", nil, func(i int) bool { return i%4 != 2 }, "50 keys: expired (expired since the dump)"},
			{"short ones left out", []string{"--ttl-min", "2h"}, func(i int) bool { return i%4 < 2 }, "50 keys: short (it had less than --ttl-min to live)"},
			{"drop", []string{"--ttl", "drop"}, all, ""},
			{"shift", []string{"--ttl", "shift"}, all, ""},
			{"shift, short ones left out", []string{"--ttl", "shift", "--ttl-min", "2h"}, func(i int) bool { return i%4 != 2 }, "50 keys: short (it had less"},
		} {
			t.Run(tc.name, func(t *testing.T) {
				do(t, client(t, to.addr, 0), "FLUSHDB")
				proxy, err := faultproxy.Start(to.addr, func(n int) faultproxy.Plan {
					if n < 2 {
						return faultproxy.Plan{}
					}
					return faultproxy.Plan{ResetAfter: 40_000}
				})
				if err != nil {
					t.Fatal(err)
				}
				defer proxy.Close()
				state := filepath.Join(t.TempDir(), "state")
				args := func(command string, more ...string) []string {
					return slices.Concat([]string{command, "--quiet", "--uri", "redis://" + proxy.Addr(), "--in", dir, "--state", state}, tc.flags, more)
				}
				for range 2 {
					mustRun(t, 75, "kvload", args("load", "--retry-for", "0", "--threads", "1", "--checkpoint", "1ms", "--resume")...)
				}
				mustRun(t, 5, "kvload", args("load", "--resume", "--ttl", "keep", "--ttl-min", "7m")...)
				proxy.SetPlan(func(int) faultproxy.Plan { return faultproxy.Plan{} })
				r := mustRun(t, 0, "kvload", args("load", "--resume", "--verify")...)
				if !strings.Contains(r.stderr, tc.says) {
					t.Errorf("want %q:\n%s", tc.says, r.stderr)
				}
				b, err := journal.ReadIdentity(state)
				if err != nil {
					t.Fatal(err)
				}
				shift := b.Now.Sub(began).Milliseconds()
				if shift < archived.Milliseconds() || shift > (archived+10*time.Minute).Milliseconds() {
					t.Errorf("%d ms between dump and load", shift)
				}
				c := newChecker(t, to, 0)
				for _, r := range choose(keys, tc.keep, func(r *record) {
					switch {
					case slices.Contains(tc.flags, "drop"):
						r.Expire = 0
					case slices.Contains(tc.flags, "shift") && r.Expire > 0:
						r.Expire += b.Now.UnixMilli() - began.UnixMilli()
					}
				}) {
					c.key(r)
				}
				c.done()
				mustRun(t, 0, "kvload", args("verify", "--reverse")...)
				if tc.flags != nil {
					mustRun(t, 4, "kvload", "verify", "--quiet", "--uri", "redis://"+proxy.Addr(), "--in", dir)
				}
				if slices.Contains(tc.flags, "shift") || slices.Contains(tc.flags, "--ttl-min") {
					mustRun(t, 5, "kvload", args("verify", "--state", filepath.Join(state, "nosuch"))...)
				}
				mustRun(t, 0, "kvload", args("rollback")...)
				newChecker(t, to, 0).only()
			})
		}
	})
}

// TestPrefix: names are exchanged, names without the prefix are left out and listed, and what the
// target held under the new names comes back with a rollback.
func TestPrefix(t *testing.T) {
	parallel(t)
	keys := loadCrashKeys()[:150]
	for i, r := range keys {
		if i%5 == 0 {
			r.Key = fmt.Appendf(nil, "app:%s", r.Key)
		}
	}
	slices.SortFunc(keys, func(a, b *record) int { return bytes.Compare(a.Key, b.Key) })
	keys[0].Key = []byte("app:") // which becomes the prefix alone
	dir := writeDump(t, keys)
	eachTarget(t, func(t *testing.T, to target) {
		admin := client(t, to.addr, 0)
		do(t, admin, "FLUSHDB")
		renamed := choose(keys, func(i int) bool { return bytes.HasPrefix(keys[i].Key, []byte("app:")) }, func(r *record) {
			r.Key = append([]byte("new{1}:"), r.Key[len("app:"):]...)
		})
		others := []*record{
			{Record: format.Record{Kind: format.String, Key: keys[1].Key, Value: []byte("under the old name")}},
			{Record: format.Record{Kind: format.String, Key: renamed[1].Key, Value: []byte("under the new name")}},
		}
		for _, r := range others {
			do(t, admin, "SET", r.Key, r.Value)
		}
		home := t.TempDir()
		report := filepath.Join(home, "left-out")
		common := []string{"--quiet", "--uri", "redis://" + to.addr, "--in", dir, "--state", filepath.Join(home, "state"),
			"--key-prefix-strip", "app:", "--key-prefix-add", "new{1}:"}
		args := func(command string, more ...string) []string { return slices.Concat([]string{command}, common, more) }
		undo := []string{"--on-exists", "replace", "--undo", filepath.Join(home, "undo")}
		r := mustRun(t, 3, "kvload", args("load", append(undo, "--report", report)...)...)
		if !strings.Contains(r.stderr, "120 prefix") {
			t.Error(r.stderr)
		}
		left := readLines[leftOut](t, report)
		if len(left) != 120 {
			t.Errorf("%d keys are listed", len(left))
		}
		for _, l := range left {
			if l.Reason != "prefix" || bytes.HasPrefix(l.Key, []byte("app:")) {
				t.Errorf("%q is left out: %s", l.Key, l.Reason)
			}
		}
		c := newChecker(t, to, 0)
		for _, r := range append(slices.Clone(renamed), others[0]) {
			c.key(r)
		}
		c.done()
		mustRun(t, 0, "kvload", args("verify", "--reverse")...)
		do(t, admin, "SET", "new{1}:extra", "x")
		do(t, admin, "DEL", renamed[3].Key)
		r = mustRun(t, 4, "kvload", args("verify", "--reverse")...)
		if out := r.stdout; !strings.Contains(out, "not in the dump ") || !strings.Contains(out, "missing ") || !strings.Contains(out, "new{1}:extra") {
			t.Error(out)
		}
		do(t, admin, "DEL", "new{1}:extra")
		mustRun(t, 5, "kvload", args("load", "--on-exists", "replace", "--resume", "--key-prefix-add", "other:")...)
		mustRun(t, 0, "kvload", args("rollback", undo...)...)
		c = newChecker(t, to, 0)
		for _, r := range others {
			c.key(r)
		}
		c.done()
		// Chosen by the names of the dump, all have the prefix.
		do(t, admin, "FLUSHDB")
		mustRun(t, 0, "kvload", args("load", "--match", "app:*", "--state", filepath.Join(home, "second"), "--verify")...)
	})
}
