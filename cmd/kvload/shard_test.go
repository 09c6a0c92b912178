package main

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/shard"
)

func TestParseShard(t *testing.T) {
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
		{"3/8", 8, env{shard.KubernetesIndex: "5"}, "3/8"},
		{"8/8", 0, nil, "from 0 to N-1"},
		{"-1/8", 0, nil, "from 0 to N-1"},
		{"1", 0, nil, "I/N"},
		{"1/x", 0, nil, "I/N"},
		{"0/10000", 0, nil, "I/N"},
		{"3/8", 9, nil, "contradict"},
		{"", 8, env{shard.KubernetesIndex: "0"}, "0/8"},
		{"", 8, env{shard.KubernetesIndex: "7", shard.SlurmIndex: "3"}, "7/8"},
		{"", 8, env{shard.KubernetesIndex: "8"}, "of 8 shards the last is 7"},
		{"", 8, env{shard.KubernetesIndex: "x"}, "not the number of a task"},
		{"", 8, nil, "neither --shard nor JOB_COMPLETION_INDEX nor SLURM_ARRAY_TASK_ID"},
		{"", -1, env{shard.KubernetesIndex: "0"}, "between 1 and 9999"},
		{"", 0, env{shard.KubernetesIndex: "0"}, "not of how many"},
		{"", 0, env{shard.SlurmIndex: "4"}, "not of how many"},
		{"", 0, env{shard.SlurmIndex: "4", shard.SlurmCount: "8"}, "4/8"},
		{"", 0, env{shard.SlurmIndex: "8", shard.SlurmCount: "8"}, "without gaps"},
		{"", 0, env{shard.SlurmIndex: "8", shard.SlurmFirst: "1", shard.SlurmCount: "8"}, "7/8"},
		{"", 16, env{shard.SlurmIndex: "8", shard.SlurmFirst: "1", shard.SlurmCount: "8"}, "7/16"},
		{"", 0, env{shard.SlurmIndex: "1", shard.SlurmFirst: "2", shard.SlurmCount: "8"}, "below SLURM_ARRAY_TASK_MIN"},
		{"", 0, env{shard.SlurmIndex: "1", shard.SlurmCount: "many"}, "between 1 and 9999"},
	} {
		for _, name := range []string{shard.KubernetesIndex, shard.SlurmIndex, shard.SlurmFirst, shard.SlurmCount} {
			t.Setenv(name, c.env[name])
		}
		args := []string{"kvload", "verify", "--shard", c.text}
		if c.shards != 0 {
			args = append(args, fmt.Sprint("--shards=", c.shards))
		}
		var s shard.Shard
		verify := verifyCommand()
		verify.Action = func(c *cli.Context) (err error) {
			s, err = command.Read(c, parseShard)
			return err
		}
		err := (&cli.App{Writer: io.Discard, ExitErrHandler: func(*cli.Context, error) {}, Commands: []*cli.Command{verify}}).Run(args)
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

// TestRollbackAgain: a shard that the load has not begun may have the journal of a load before,
// with other flags.
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
