package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/s3server"
)

// A sharing is a load of one dump in four shares.
type sharing struct {
	t     *testing.T
	to    target
	args  []string // of all commands
	load  []string // of load alone
	state string   // for --state
	dir   string   // in which the files of the state are
}

const sharesOf = 4

func (s *sharing) name(i int) string { return fmt.Sprintf("shard-%04d-of-%04d", i, sharesOf) }

// run runs a command of kvload with some more arguments, which begin with the command's name.
func (s *sharing) run(code int, args ...string) result {
	s.t.Helper()
	return mustRun(s.t, code, "kvload", append(args, s.args...)...)
}

// share starts a share as an Indexed Job of Kubernetes does.
func (s *sharing) share(i int, more ...string) *process {
	s.t.Helper()
	cmd := exec.Command(tool(s.t, "kvload"), slices.Concat([]string{"load", "--resume"}, s.load, s.args, more)...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("JOB_COMPLETION_INDEX=%d", i), fmt.Sprintf("KVLOAD_SHARDS=%d", sharesOf))
	return startCommand(s.t, cmd)
}

// runShare runs a share to its end, which is 0, or code if it is its share that leaves something
// out.
func (s *sharing) runShare(i, code int) result {
	s.t.Helper()
	r := s.share(i).result(s.t)
	if r.code != 0 {
		r.mustBe(s.t, code, "kvload", []string{"load, share", fmt.Sprint(i)})
	}
	return r
}

// killShare kills a share, slow so that it does not end before, when its journal has begun.
func (s *sharing) killShare(i int) {
	s.t.Helper()
	p := s.share(i, "--rate-keys", "20")
	waitFor(s.t, "the journal of "+s.name(i), func() bool {
		names, _ := filepath.Glob(filepath.Join(s.dir, s.name(i), "journal*", "*")) // the pattern is right
		data, _ := os.ReadFile(filepath.Join(s.dir, s.name(i), "journal.jsonl"))    // it may not be there yet
		return len(names) > 0 || strings.Contains(string(data), `"point"`)
	})
	p.kill()
	if code, stderr := p.wait(s.t); code >= 0 {
		s.t.Fatalf("share %d has ended with %d before it was killed\n%s", i, code, stderr)
	}
}

// eachState runs a test with the journals in a directory and in a bucket.
func eachState(t *testing.T, test func(t *testing.T, state, dir string)) {
	t.Run("state in a directory", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "state")
		test(t, dir, dir)
	})
	t.Run("state in a bucket", func(t *testing.T) {
		server := s3server.Start(t)
		server.SetFault(faults(rand.New(rand.NewPCG(seed, 9)), 60))
		test(t, server.URL("some/state"), server.Dir("some/state"))
	})
}

// TestShares: four processes, one of them killed and begun again, load what one loads; finish says
// what is missing and then compares; rollback takes all of it back.
func TestShares(t *testing.T) {
	parallel(t)
	keys := loadCrashKeys()
	dump := writeDump(t, keys)
	eachTarget(t, func(t *testing.T, to target) {
		eachState(t, func(t *testing.T, state, dir string) {
			onExists := "fail"
			if state != dir { // each is tried once
				onExists = "skip"
			}
			admin := client(t, to.addr, 0)
			do(t, admin, "FLUSHDB")
			s := &sharing{t: t, to: to, state: state, dir: dir,
				args: []string{"--quiet", "--uri", "redis://" + to.addr, "--in", dump, "--state", state},
				load: []string{"--on-exists", onExists, "--threads", "2", "--pipeline", "40", "--checkpoint", "1ms"}}
			want := append([]*record(nil), keys...)
			code, existed := 0, 0
			if onExists == "skip" {
				code = 3
				for i := 1; i < len(want); i += 5 {
					want[i] = &record{Record: format.Record{Kind: format.List, Key: want[i].Key, Elems: [][]byte{[]byte("before"), []byte("the load")}}}
					do(t, admin, "RPUSH", want[i].Key, "before", "the load")
					existed++
				}
			}
			s.all(code)
			check := newChecker(t, to, 0)
			for _, r := range want {
				check.key(r)
			}
			check.done()

			r := s.run(code, "finish")
			if !strings.Contains(r.stdout, "all 4 shards are done") || !strings.Contains(r.stdout, fmt.Sprintf("compared %d keys", len(keys))) {
				t.Error(r.stdout)
			}
			if code == 3 && !strings.Contains(r.stdout, fmt.Sprintf("%d", existed)) {
				t.Error(r.stdout)
			}
			for i := range sharesOf { // each has its part
				args := []string{"verify", "--quiet", "--uri", "redis://" + to.addr, "--in", dump, "--shard", fmt.Sprintf("%d/%d", i, sharesOf)}
				r := run(t, "kvload", args...)
				if r.code != 0 && (onExists == "fail" || r.code != 4) { // it is not told what was left out
					t.Errorf("%v: %d: %s", args, r.code, r.stderr)
				}
				if onExists == "fail" && strings.Contains(r.stdout, fmt.Sprintf("compared %d keys", len(keys))) {
					t.Errorf("share %d: %s", i, r.stdout)
				}
			}
			s.run(code, "finish", "--no-verify")
			do(t, admin, "SET", keys[0].Key, "changed since")
			s.run(4, "finish")
			do(t, admin, "DEL", keys[0].Key)

			s.run(0, "rollback", "--on-exists", onExists)
			if n := len(admin.Keys(t.Context(), "*").Val()); n != existed { // DBSIZE of a Kvrocks is older
				t.Errorf("%v keys are left of %d", n, existed)
			}
			if r := s.run(75, "finish"); !strings.Contains(r.stderr, "holds no journal") {
				t.Error(r.stderr)
			}
		})
	})
}

// all loads all shares: one alone, so that the target is not empty when the others begin, then two
// at once, and one that is killed.
func (s *sharing) all(code int) {
	t := s.t
	t.Helper()
	if r := s.run(75, "finish"); !strings.Contains(r.stderr, "no load of this dump") {
		t.Error(r.stderr)
	}
	s.runShare(3, code)
	both := []*process{s.share(0), s.share(1)}
	for i, p := range both {
		if got, stderr := p.wait(t); got != 0 && got != code {
			t.Fatalf("share %d: exit code %d\n%s", i, got, stderr)
		}
	}
	if r := s.run(75, "finish"); !strings.Contains(r.stderr, "1 of 4 shards is not done: shard 2/4 was not begun") {
		t.Error(r.stderr)
	}
	s.killShare(2)
	if r := s.run(75, "finish"); !strings.Contains(r.stderr, "shard 2/4 was begun on") {
		t.Error(r.stderr)
	}
	s.runShare(2, code)
	if r := s.runShare(2, code); !strings.Contains(r.stderr, "nothing is left to be done") {
		t.Error(r.stderr)
	}
}

// TestSharesRefused: shares that do not belong together.
func TestSharesRefused(t *testing.T) {
	parallel(t)
	keys := loadCrashKeys()[:60]
	dump := writeDump(t, keys)
	to := startRedis(t)
	eachState(t, func(t *testing.T, state, dir string) {
		admin := client(t, to.addr, 0)
		do(t, admin, "FLUSHDB")
		s := &sharing{t: t, to: to, state: state, dir: dir, args: []string{"--quiet", "--uri", "redis://" + to.addr, "--in", dump, "--state", state}}
		do(t, admin, "SET", "of others", 1)
		if r := s.run(5, "load", "--shard", "1/4"); !strings.Contains(r.stderr, "holds 1 key already") {
			t.Error(r.stderr)
		}
		do(t, admin, "DEL", "of others")
		s.run(0, "load", "--shard", "1/4")
		for want, args := range map[string][]string{
			"was begun in 4 shards, and this is one of 3":      {"load", "--shard", "0/3"},
			`--on-conflict was "fail", and is "suffix" now`:    {"load", "--shard", "0/4", "--on-conflict", "suffix"},
			"shard 1/4 was loaded until":                       {"load", "--shard", "1/4"},
			`--match was "", and is "k*" now`:                  {"finish", "--match", "k*"},
			"into 127.0.0.1":                                   {"load"}, // the whole into what is not empty
			"holds the journals of a load in shards":           {"load", "--on-exists", "replace"},
			"holds no journal: no load of this dump into this": {"rollback", "--shard", "0/4"},
		} {
			code := 5
			if r := s.run(code, args...); !strings.Contains(r.stderr, want) {
				t.Errorf("%v: %s", args, r.stderr)
			}
		}
		s.run(0, "rollback", "--shard", "1/4")
		if r := s.run(5, "load", "--shard", "1/4"); !strings.Contains(r.stderr, "is being undone") {
			t.Error(r.stderr)
		}
		s.run(0, "load", "--shard", "0/4")
		if r := s.run(5, "finish"); !strings.Contains(r.stderr, "shard 1/4 was undone") {
			t.Error(r.stderr)
		}
		s.run(0, "rollback", "--flush")
		if r := s.run(5, "load", "--shard", "0/4", "--resume"); !strings.Contains(r.stderr, "load anew without --resume") {
			t.Error(r.stderr)
		}
		if n := admin.DBSize(t.Context()).Val(); n != 0 {
			t.Errorf("%v keys are left", n)
		}
		for i := range sharesOf {
			if i == 1 {
				if r := s.run(75, "finish"); !strings.Contains(r.stderr, "3 of 4 shards are not done: shard 1/4 was not begun") {
					t.Error(r.stderr)
				}
			}
			s.run(0, "load", "--shard", fmt.Sprintf("%d/%d", i, sharesOf))
		}
		s.run(0, "finish")
		data, err := os.ReadFile(filepath.Join(dir, "load.json"))
		var joint struct{ Shares int }
		if err != nil || json.Unmarshal(data, &joint) != nil || joint.Shares != sharesOf {
			t.Errorf("%s, %v", data, err)
		}
	})
}

// TestFinishWhole: finish also ends a load that has no shares, with its journal in a directory or a
// bucket.
func TestFinishWhole(t *testing.T) {
	parallel(t)
	keys := loadCrashKeys()[:60]
	dump := writeDump(t, keys)
	to := startRedis(t)
	eachState(t, func(t *testing.T, state, dir string) {
		do(t, client(t, to.addr, 0), "FLUSHDB")
		s := &sharing{t: t, to: to, state: state, dir: dir, args: []string{"--quiet", "--uri", "redis://" + to.addr, "--in", dump, "--state", state}}
		s.run(75, "finish")
		s.run(0, "load")
		if r := s.run(0, "finish"); !strings.Contains(r.stdout, "the load is done") || !strings.Contains(r.stdout, "compared 60 keys") {
			t.Error(r.stdout)
		}
		s.run(0, "rollback")
		if r := s.run(5, "finish"); !strings.Contains(r.stderr, "was undone") {
			t.Error(r.stderr)
		}
	})
}

// TestStateCrash is TestCrash with the journal in a bucket that is not at its best.
func TestStateCrash(t *testing.T) {
	parallel(t)
	keys := loadCrashKeys()
	dump := writeDump(t, keys)
	mustRun(t, 0, "kvload", "check", "--quiet", dump)
	server := s3server.Start(t)
	eachTarget(t, func(t *testing.T, to target) {
		c := &crash{t: t, to: to, dir: dump, keys: keys, journal: server, store: server, faults: faults(rand.New(rand.NewPCG(seed, 10)), 40)}
		c.rounds(min(9, loadCrashRounds()))
	})
}
