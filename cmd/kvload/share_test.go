package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/share"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

func TestParseShare(t *testing.T) {
	type env = map[string]string
	for _, c := range []struct {
		text   string
		shards int // 0: not given
		env    env
		want   string // N/M, "all", or a part of the error
	}{
		{"", 0, nil, "all"},
		{"0/1", 0, nil, "0/1"},
		{"3/8", 0, nil, "3/8"},
		{"3/8", 8, env{share.KubernetesIndex: "5"}, "3/8"},
		{"8/8", 0, nil, "from 0 to N-1"},
		{"-1/8", 0, nil, "from 0 to N-1"},
		{"1", 0, nil, "I/N"},
		{"1/x", 0, nil, "I/N"},
		{"0/10000", 0, nil, "I/N"},
		{"3/8", 9, nil, "contradict"},
		{"", 8, env{share.KubernetesIndex: "0"}, "0/8"},
		{"", 8, env{share.KubernetesIndex: "7", share.SlurmIndex: "3"}, "7/8"},
		{"", 8, env{share.KubernetesIndex: "8"}, "of 8 shards the last is 7"},
		{"", 8, env{share.KubernetesIndex: "x"}, "not the number of a task"},
		{"", 8, nil, "neither --shard nor JOB_COMPLETION_INDEX nor SLURM_ARRAY_TASK_ID"},
		{"", -1, env{share.KubernetesIndex: "0"}, "between 1 and 9999"},
		{"", 0, env{share.KubernetesIndex: "0"}, "not of how many"},
		{"", 0, env{share.SlurmIndex: "4"}, "not of how many"},
		{"", 0, env{share.SlurmIndex: "4", share.SlurmCount: "8"}, "4/8"},
		{"", 0, env{share.SlurmIndex: "8", share.SlurmCount: "8"}, "without gaps"},
		{"", 0, env{share.SlurmIndex: "8", share.SlurmFirst: "1", share.SlurmCount: "8"}, "7/8"},
		{"", 16, env{share.SlurmIndex: "8", share.SlurmFirst: "1", share.SlurmCount: "8"}, "7/16"},
		{"", 0, env{share.SlurmIndex: "1", share.SlurmFirst: "2", share.SlurmCount: "8"}, "below SLURM_ARRAY_TASK_MIN"},
		{"", 0, env{share.SlurmIndex: "1", share.SlurmCount: "many"}, "between 1 and 9999"},
	} {
		s, err := parseShare(c.text, c.shards, c.shards != 0, func(name string) string { return c.env[name] })
		got := s.String()
		if s.IsAll() {
			got = "all"
		}
		if err != nil {
			got = err.Error()
		}
		if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
			t.Errorf("--shard %q --shards %d with %v: %s, want %s", c.text, c.shards, c.env, got, c.want)
		}
	}
}

// TestTake: every unit is in exactly one share, whatever the order of the units, and the shares are of like size.
func TestTake(t *testing.T) {
	var units []archive.Unit
	for i := range 200 {
		size := int64(1000 + i*i%977)
		units = append(units, archive.Unit{format.ChunkInfo{File: format.File{Name: fmt.Sprintf("c%03d", i), Size: size}}})
	}
	for _, n := range []int{1, 3, 8, 300} {
		seen := map[string]int{}
		var least, most int64
		for i := range n {
			own := take(share.Share{Index: i, Of: n}, units)
			for _, u := range own {
				seen[u[0].Name]++
			}
			size := stored(own)
			if i == 0 || size < least {
				least = size
			}
			most = max(most, size)
		}
		if len(seen) != len(units) {
			t.Errorf("%d shares have %d units", n, len(seen))
		}
		for name, times := range seen {
			if times != 1 {
				t.Errorf("%d shares: %s stands in %d", n, name, times)
			}
		}
		if n <= 8 && most-least > 1977 {
			t.Errorf("%d shares have from %d to %d bytes", n, least, most)
		}
	}
	turned := append([]archive.Unit(nil), units[100:]...)
	turned = append(turned, units[:100]...)
	if a, b := fmt.Sprint(take(share.Share{Index: 2, Of: 7}, units)), fmt.Sprint(take(share.Share{Index: 2, Of: 7}, turned)); a != b {
		t.Error("a share depends on the order of the units")
	}
}

// TestJoin: of two shares that begin at once one says what they have in common; the other believes it, also if it
// has seen what the first has loaded already.
func TestJoin(t *testing.T) {
	root, err := storage.CreateDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	refused := errors.New("it holds keys")
	b := journal.Binding{Dump: "d", Address: "a:1", Settings: map[string]string{"--on-exists": "fail"}}
	if _, err := join(t.Context(), root, b, share.Share{Index: 0, Of: 2}, func(context.Context) (bool, error) { return false, refused }); !errors.Is(err, refused) {
		t.Fatalf("not empty, and nobody has begun: %v", err)
	}
	for _, seen := range []error{nil, refused} {
		var first *joint
		second, err := join(t.Context(), root, b, share.Share{Index: 1, Of: 2}, func(ctx context.Context) (bool, error) {
			var err error
			first, err = join(ctx, root, b, share.Share{Index: 0, Of: 2}, func(context.Context) (bool, error) { return true, nil })
			if err != nil {
				t.Error(err)
			}
			return seen == nil, seen
		})
		if err != nil || second.ID != first.ID || !second.Empty {
			t.Fatalf("%v: %+v, %+v", err, first, second)
		}
		other := b
		other.Dump = "e"
		if _, err := join(t.Context(), root, other, share.Share{Index: 1, Of: 2}, nil); !errors.Is(err, journal.ErrDiffers) {
			t.Errorf("of another dump: %v", err)
		}
		if names, err := root.List(); err != nil || len(names) != 1 {
			t.Errorf("%v, %v", names, err)
		}
		data, err := storage.ReadFile(root, jointName, maxJoint)
		if err := errors.Join(err, root.Remove(jointName), storage.WriteFile(root, jointName, append(data, data...))); err != nil {
			t.Fatal(err)
		}
		if _, err := join(t.Context(), root, b, share.Share{Index: 1, Of: 2}, nil); !errors.Is(err, journal.ErrDamaged) {
			t.Errorf("there twice: %v", err)
		}
		if err := root.Remove(jointName); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRollbackAgain: a share that the load has not begun may have the journal of a load before, with other flags.
func TestRollbackAgain(t *testing.T) {
	m := startTarget(t)
	dir := makeDump(t, []format.Record{text("a", "1"), text("b", "2"), hash("h", "f", "v")})
	run := func(command string, flags ...string) {
		t.Helper()
		if r := runCommand(append([]string{command, "--uri", m.Addr(), "--in", dir}, flags...)...); r.code != 0 {
			t.Fatalf("%s %v: exit code %d\n%s", command, flags, r.code, r.stderr)
		}
	}
	run("load", "--shard", "0/2")
	run("load", "--shard", "1/2")
	run("rollback")
	run("load", "--shard", "0/2", "--ttl", "drop")
	run("rollback", "--ttl", "drop")
	if keys := m.Keys(); len(keys) > 0 {
		t.Errorf("%v are left", keys)
	}
	run("load", "--shard", "1/2", "--ttl", "drop")
	run("rollback", "--ttl", "drop", "--flush")
	if keys := m.Keys(); len(keys) > 0 {
		t.Errorf("%v are left", keys)
	}
}
