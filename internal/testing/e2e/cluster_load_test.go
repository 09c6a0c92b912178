package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// clusterKeys are keys of every kind, every fourth in the slot of the tag {moving}. Those do not
// expire: the MIGRATE of a Redis takes the time left with it, and the expiry comes out some
// milliseconds later.
func clusterKeys(count int) []*record {
	var keys []*record
	for i := range count {
		rng := rand.New(rand.NewPCG(seed+2, uint64(i)))
		r := &record{}
		r.Kind, r.Part = mix[i%len(mix)], format.PartWhole
		size := 1 + rng.IntN(6)
		if i%60 == 7 || i%60 == 19 || i%60 == 16 || i%60 == 3 || i%60 == 5 { // a list, a stream, a hash, a set, a zset
			size = 100 + rng.IntN(1500)
		}
		r.Key = fmt.Appendf(nil, "key %06d", i)
		if i%4 == 3 {
			r.Key = fmt.Appendf(nil, "key %06d {moving}", i)
		} else if rng.IntN(4) == 0 {
			r.Expire = (firstExpiry + rng.Int64N(1<<30)) * 1000
		}
		r.fill(rng, size, false)
		keys = append(keys, r)
	}
	return keys
}

// awaitKeys waits until some keys are loaded.
func (c *cluster) awaitKeys(count int) {
	c.t.Helper()
	for range 2000 {
		if c.keys() >= count {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	c.t.Fatal("nothing is loaded")
}

// holds compares all keys.
func (c *cluster) holds(keys []*record) {
	c.t.Helper()
	check := newChecker(c.t, c.to, 0)
	for _, r := range keys {
		check.key(r)
	}
	check.done()
}

// TestClusterMoves loads a cluster while a slot goes back and forth, compares, and takes the load
// back.
func TestClusterMoves(t *testing.T) {
	parallel(t)
	keys := clusterKeys(2400)
	dir := writeDump(t, keys)
	eachCluster(t, func(t *testing.T, c *cluster) {
		slot := int(c.nodes[0].client.ClusterKeySlot(t.Context(), "{moving}").Val())
		at := slices.IndexFunc(c.nodes, func(n *node) bool {
			err := n.client.Get(t.Context(), "{moving}").Err()
			return err == nil || !strings.Contains(err.Error(), "MOVED")
		})
		movedBefore, _ := 0, 0
		if !c.to.kvrocks {
			movedBefore, _ = c.redirects()
		}
		args := []string{"--quiet", "--uri", "redis://" + c.to.addr, "--in", dir, "--state", filepath.Join(t.TempDir(), "state"), "--pipeline", "20"}
		p := start(t, "kvload", append([]string{"load", "--checkpoint", "1ms", "--rate-keys", "1200"}, args...)...) // two seconds
		c.awaitKeys(1)
		ctx, loaded := context.WithCancel(t.Context())
		defer loaded()
		moves, failed, moving := 0, 0, make(chan error, 1)
		go func() {
			for ctx.Err() == nil {
				next := (at + 1) % len(c.nodes)
				err := c.move(t.Context(), slot, c.nodes[at], c.nodes[next])
				if errors.Is(err, errMigration) {
					failed++
					continue
				}
				if err != nil {
					moving <- err
					return
				}
				at = next
				moves++
			}
			moving <- nil
		}()
		code, stderr := p.wait(t)
		loaded()
		if moveErr := <-moving; moveErr != nil {
			t.Error(moveErr)
		}
		if code != 0 {
			t.Fatalf("exit code %d\n%s", code, stderr)
		}
		if !strings.Contains(stderr, "commands were sent once more") {
			t.Errorf("nothing was redirected in %d moves:\n%s", moves, stderr)
		}
		if !c.to.kvrocks {
			moved, ask := c.redirects()
			t.Logf("%d moves, %d MOVED, %d ASK", moves, moved-movedBefore, ask)
			if moved == movedBefore || ask == 0 {
				t.Errorf("no MOVED or no ASK in %d moves", moves)
			}
		}
		t.Logf("%d moves, %d failed\n%s", moves, failed, strings.TrimSpace(stderr))
		c.holds(keys)
		if list, _ := verifying(t, 0, dir, c.to, "--reverse"); len(list) > 0 {
			t.Errorf("%d differences", len(list))
		}
		do(t, c.nodes[0].client, "SET", c.nameAt(0), "of others")
		list, _ := verifying(t, 4, dir, c.to, "--reverse")
		checkClasses(t, list, map[string][]string{c.nameAt(0): {"not in the dump"}})
		do(t, c.nodes[0].client, "DEL", c.nameAt(0))
		mustRun(t, 0, "kvload", append([]string{"rollback"}, args...)...)
		if n := c.keys(); n != 0 {
			t.Errorf("%d keys are left", n)
		}
	})
}

// nameAt returns a name that the node owns.
func (c *cluster) nameAt(n int) string {
	for i := range 1000 {
		name := fmt.Sprintf("name %d", i)
		if err := c.nodes[n].client.Exists(c.t.Context(), name).Err(); err == nil {
			return name
		}
	}
	c.t.Fatal("no name is at the node")
	return ""
}

// TestClusterNodeDies: a node is killed in the middle of a load and comes back. The load goes on by
// itself, or if it was killed as well, with --resume, by another node's address.
func TestClusterNodeDies(t *testing.T) {
	parallel(t)
	keys := clusterKeys(3000)
	dir := writeDump(t, keys)
	for _, how := range []string{"waits", "resumes"} {
		t.Run(how, func(t *testing.T) {
			c := startCluster(t)
			home := t.TempDir()
			mine := filepath.Join(home, "dump")
			if err := exec.Command("cp", "-r", dir, mine).Run(); err != nil {
				t.Fatal(err)
			}
			args := []string{"load", "--quiet", "--in", mine, "--checkpoint", "1ms", "--pipeline", "20", "--resume"}
			p := start(t, "kvload", append(args, "--uri", "redis://"+c.nodes[0].addr, "--rate-keys", "1000")...) // three seconds
			c.awaitKeys(100)
			c.nodes[1].server.Kill()
			if how == "resumes" {
				p.kill()
				p.wait(t)
			}
			for _, n := range []*node{c.nodes[0], c.nodes[2]} { // they notice, and serve nothing
				c.await(n, "cluster_state:fail")
			}
			c.start(c.nodes[1])
			if how == "resumes" {
				for _, n := range c.nodes {
					c.await(n, "cluster_state:ok")
				}
				p = start(t, "kvload", append(args, "--uri", "redis://"+c.nodes[2].addr)...)
			}
			code, stderr := p.wait(t)
			if code != 4 { // a node was restarted: what it acknowledged may be gone
				t.Fatalf("exit code %d\n%s", code, stderr)
			}
			if want := map[string]string{"waits": "trying again", "resumes": "resuming the load"}[how]; !strings.Contains(stderr, want) {
				t.Errorf("it does not say %q:\n%s", want, stderr)
			}
			c.holds(keys)
		})
	}
}

// TestClusterFailsOver: a replica takes over in the middle of a load, and the old master, whose
// address the load was given, goes away for good.
func TestClusterFailsOver(t *testing.T) {
	parallel(t)
	keys := clusterKeys(3000)
	dir := writeDump(t, keys)
	c := startCluster(t)
	old, replica := c.nodes[1], c.replicaOf(c.nodes[1])
	p := start(t, "kvload", "load", "--quiet", "--in", dir, "--pipeline", "20", "--rate-keys", "1000", "--uri", "redis://"+old.addr) // three seconds
	c.awaitKeys(100)
	do(t, replica.client, "CLUSTER", "FAILOVER")
	c.awaitInfo(replica, "replication", "role:master")
	c.await(replica, "cluster_state:ok")
	c.awaitInfo(old, "replication", "role:slave")
	old.server.Kill()
	c.nodes[1] = replica
	code, stderr := p.wait(t)
	if code != 0 {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	t.Log(strings.TrimSpace(stderr))
	if !strings.Contains(stderr, "trying again") && !strings.Contains(stderr, "sent once more") {
		t.Errorf("the load has not seen it:\n%s", stderr)
	}
	c.holds(keys)
	verifying(t, 0, dir, c.to, "--reverse")
}

// TestClusterUndo: keys that were replaced come back.
func TestClusterUndo(t *testing.T) {
	parallel(t)
	keys := loadCrashKeys()
	dir := writeDump(t, keys)
	eachCluster(t, func(t *testing.T, c *cluster) {
		before := heldBefore(keys, c.to)
		f := newFiller(t, c.to.client(t, 0))
		for _, r := range before {
			f.record(r)
		}
		f.flush()
		home := t.TempDir()
		args := []string{"--quiet", "--uri", "redis://" + c.to.addr, "--in", dir, "--state", filepath.Join(home, "state"),
			"--on-exists", "replace", "--undo", filepath.Join(home, "undo")}
		mustRun(t, 5, "kvload", "load", "--quiet", "--uri", "redis://"+c.to.addr, "--in", dir, "--state", filepath.Join(home, "none"))
		mustRun(t, 0, "kvload", append([]string{"load", "--verify"}, args...)...)
		mustRun(t, 0, "kvload", append([]string{"rollback"}, args...)...)
		c.holds(before)
		for _, n := range c.nodes {
			do(t, n.client, "FLUSHDB")
		}
		args = args[:len(args)-4]
		mustRun(t, 0, "kvload", append([]string{"load"}, args...)...)
		c.holds(keys)
		mustRun(t, 0, "kvload", append([]string{"rollback", "--flush"}, args...)...)
		if n := c.keys(); n != 0 {
			t.Errorf("%d keys are left", n)
		}
	})
}

// TestClusterUndoMoves: slots that begin to move when keys are removed do not keep what was there
// from being put back.
func TestClusterUndoMoves(t *testing.T) {
	parallel(t)
	keys := loadCrashKeys()
	dir := writeDump(t, keys)
	c := startCluster(t)
	before := heldBefore(keys, c.to)
	f := newFiller(t, c.to.client(t, 0))
	for _, r := range before {
		f.record(r)
	}
	f.flush()
	args := []string{"--quiet", "--uri", "redis://" + c.to.addr, "--in", dir, "--on-exists", "replace", "--undo", filepath.Join(t.TempDir(), "undo")}
	mustRun(t, 0, "kvload", append([]string{"load"}, args...)...)
	all := c.keys()
	p := start(t, "kvload", append([]string{"rollback", "--pipeline", "1", "--threads", "1"}, args...)...)
	for c.keys() == all {
	}
	do(t, c.nodes[2].client, "CLUSTER", "SETSLOT", 6000, "IMPORTING", c.nodes[1].id)
	do(t, c.nodes[1].client, "CLUSTER", "SETSLOT", 6000, "MIGRATING", c.nodes[2].id)
	if code, stderr := p.wait(t); code != 0 {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	c.holds(before)
}

// TestClusterRefused: what is no target for a load, and what to do about it.
func TestClusterRefused(t *testing.T) {
	dir := writeDump(t, clusterKeys(20))
	c := startCluster(t)
	r := mustRun(t, 0, "kvload", "load", "--dry-run", "--uri", "redis://"+c.to.addr, "--in", dir)
	for _, want := range []string{"ok       slots", "ok       memory", "ok       empty", " 0 failed"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("the dry run does not say %q:\n%s", want, r.stdout)
		}
	}
	refused := func(want string, flags ...string) {
		t.Helper()
		r := mustRun(t, 5, "kvload", append([]string{"load", "--quiet", "--uri", "redis://" + c.to.addr, "--in", dir}, flags...)...)
		if !strings.Contains(r.stderr, want) {
			t.Errorf("it does not say %q: %s", want, r.stderr)
		}
	}
	refused("is a cluster, which has one keyspace", "--map-db", "0=db:1")
	t.Setenv("TOKEN", "secret")
	refused("is a cluster, which has one keyspace", "--map-db", "0=TOKEN")
	do(t, c.nodes[1].client, "CLUSTER", "SETSLOT", 6000, "MIGRATING", c.nodes[2].id)
	refused("is moving slots ([6000->-")
	refused("1 check of the dry run failed", "--dry-run")
	do(t, c.nodes[1].client, "CLUSTER", "SETSLOT", 6000, "STABLE")
	do(t, c.nodes[2].client, "CLUSTER", "SETSLOT", 6000, "IMPORTING", c.nodes[1].id)
	refused("is moving slots ([6000-<-")
	do(t, c.nodes[2].client, "CLUSTER", "SETSLOT", 6000, "STABLE")
	for _, n := range c.nodes {
		do(t, n.client, "CLUSTER", "DELSLOTS", 6000)
	}
	refused("serves slot 6000")
}
