package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/manual"
)

func TestBadFlags(t *testing.T) {
	good := []string{"load", "--uri", "redis://" + closedPort(t), "--in", t.TempDir()}
	for _, tc := range []struct {
		name string
		args []string
		says string
	}{
		{"unknown command", []string{"dump"}, "it is pikadump dump"},
		{"unknown flag", append(good, "--nosuch"), "-nosuch"},
		{"unknown flag before the command", []string{"--nosuch"}, "-nosuch"},
		{"unknown flag of check", []string{"check", "--nosuch", "dir"}, "-nosuch"},
		{"no --in", good[:3], "--in is missing"},
		{"argument", append(good, "dir"), `"dir" is not a flag`},
		{"--type", append(good, "--type", "nosuch"), `unknown type "nosuch"`},
		{"--db", append(good, "--db", "x"), "--db x: databases are numbers"},
		{"--db of nothing", append(good, "--db", ","), "--db"},
		{"--match of no text", append(good, "--match", "a\xff*"), `--match "a\xff*": the pattern is no UTF-8`},
		{"--undo of no text", append(good, "--on-exists", "replace", "--undo", "u\xff"), `--undo "u\xff" is no UTF-8`},
		{"--on-exists", append(good, "--on-exists", "merge"), "it is fail, skip or replace"},
		{"--on-conflict", append(good, "--on-conflict", "last"), "it is fail, first or suffix"},
		{"--hyperloglog", append(good, "--hyperloglog", "keep"), `"keep": it is leave-out or string`},
		{"--ttl", append(good, "--ttl", "never"), `--ttl "never": it is keep, drop or shift`},
		{"--ttl-min", append(good, "--ttl-min", "-1s"), "--ttl-min -1s is negative"},
		{"--ttl drop", append(good, "--ttl", "drop", "--ttl-min", "1s"), "leave --ttl-min out"},
		{"--method", append(good, "--method", "fast"), `--method "fast": it is auto, commands or raw`},
		{"--progress", append(good, "--progress", "bars"), `--progress "bars": it is auto, bar, log, json or none`},
		{"--lang", []string{"report", "--lang", "fr", "--out", "x", "dump"}, `--lang "fr": it is en or zh`},
		{"--threads", append(good, "--threads", "0"), "--threads 0: it is between 1 and 1024"},
		{"--threads many", append(good, "--threads", "1025"), "--threads 1025: it is between 1 and 1024"},
		{"--threads no number", append(good, "--threads", "x"), "threads"},
		{"--pipeline", append(good, "--pipeline", "-1"), "--pipeline -1: it is between 1 and"},
		{"--timeout", append(good, "--timeout", "-1s"), "--timeout -1s is negative"},
		{"--timeout without unit", append(good, "--timeout", "90"), "timeout"},
		{"a shard of a whole bucket", append(good[:3], "--in", "s3://dumps?region=x", "--shard", "0/2"), "--state"},
		{"a shard of a whole bucket, undone", []string{"rollback", "--in", "s3://dumps/", "--shard", "0/2"}, "--state"},
		{"--port", []string{"load", "--port", "0", "--in", "x"}, "--port 0: it is between 1 and 65535"},
		{"--uri and --host", append(good, "--host", "h"), "--uri and --host"},
		{"--uri that is none", []string{"load", "--uri", "redis://:" + wrong + "@h", "--in", "x"}, "%XX"},
		{"--user without password", append(good, "--user", "u"), "--user needs a password"},
		{"--cacert without TLS", append(good, "--cacert", "x"), "--cacert needs --tls"},
		{"--askpass without a terminal", append(good, "--askpass"), "no terminal"},
		{"check of nothing", []string{"check"}, "give one dump"},
		{"check --in", []string{"check", "--in", "dump"}, "kvload check DIR"},
		{"check of two", []string{"check", "a", "b"}, "give one dump"},
		{"inspect of nothing", []string{"inspect"}, "give one dump"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			runCommand(tc.args...).failed(t, 2, tc.says, "see kvload ", "--help")
		})
	}
}

// TestHyperLogLogWords: the words of --help are those that are taken.
func TestHyperLogLogWords(t *testing.T) {
	dir := makeDump(t, []format.Record{{Kind: format.HyperLogLog, Key: []byte("p"), Part: format.PartWhole, Value: []byte("registers")}})
	t.Chdir(t.TempDir())
	for word, code := range map[string]int{"string": 0, "leave-out": 3} {
		m := startTarget(t)
		if r := runCommand("load", "--uri", m.Addr(), "--in", dir, "--hyperloglog", word); r.code != code {
			t.Errorf("--hyperloglog %s: exit code %d, want %d: %s", word, r.code, code, r.stderr)
		}
		if got := m.Exists("p"); got != (word == "string") {
			t.Errorf("--hyperloglog %s: the key is there: %v", word, got)
		}
	}
}

func TestEnvironment(t *testing.T) {
	m := startTarget(t)
	m.RequireAuth(password)
	t.Setenv("KVLOAD_URI", "redis://"+m.Addr())
	t.Setenv("KVLOAD_IN", makeDump(t, []format.Record{text("a", "1")}))
	t.Setenv("KVLOAD_PASSWORD_FILE", filepath.Join(t.TempDir(), "nosuch"))
	runCommand("load").failed(t, 2, "--password-file: open")
	t.Setenv("KVLOAD_PASSWORD_FILE", "")
	t.Setenv("REDISCLI_AUTH", password)
	t.Setenv("KVLOAD_ON_EXISTS", "perhaps")
	runCommand("load").failed(t, 2, "--on-exists")
	t.Setenv("KVLOAD_ON_EXISTS", "replace")
	if r := runCommand("load"); r.code != 0 {
		t.Fatalf("exit code %d: %s", r.code, r.stderr)
	}
}

func TestHelp(t *testing.T) {
	top := runCommand("--help")
	if top.code != 0 || top.stderr != "" {
		t.Errorf("exit code %d, stderr %q", top.code, top.stderr)
	}
	for _, want := range []string{"load ", "check ", "inspect ", "version ", exitcode.Help} {
		if !strings.Contains(top.stdout, want) {
			t.Errorf("--help does not show %q:\n%s", want, top.stdout)
		}
	}
	if r := runCommand("--version"); r.code != 0 || !strings.HasPrefix(r.stdout, "kvload version ") {
		t.Errorf("--version: exit code %d, %q", r.code, r.stdout)
	}
	for _, cmd := range []*cli.Command{loadCommand(), checkCommand(), inspectCommand()} {
		help := runCommand(cmd.Name, "--help")
		if help.code != 0 || help.stderr != "" {
			t.Errorf("%s: exit code %d, stderr %q", cmd.Name, help.code, help.stderr)
		}
		for _, want := range []string{"EXAMPLE", "kvload " + cmd.Name + " ", exitcode.Help} {
			if !strings.Contains(help.stdout, want) {
				t.Errorf("%s --help does not show %q:\n%s", cmd.Name, want, help.stdout)
			}
		}
	}
	manual.CheckHelp(t, commands(), most, shows)
	manual.CheckPages(t, "kvload", commands(), shows)
}

func shows(args ...string) string { return runCommand(args...).stdout }

// TestChoices: what completion offers is what the flags take.
func TestChoices(t *testing.T) {
	manual.CheckChoices(t, loadCommand, strings.Fields("--uri redis://h:1 --in d"), shows, func(c *cli.Context) error {
		_, err := command.Read(c, parseTargets)
		return err
	})
}
