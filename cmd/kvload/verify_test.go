package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
)

func TestVerifyUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
	}{
		{nil, "--in is missing"},
		{[]string{"--in", "d", "--rounds", "0"}, "--rounds"},
		{[]string{"--in", "d", "--sample", "2"}, "--sample"},
		{[]string{"--in", "d", "--threads", "0"}, "--threads"},
		{[]string{"--in", "d", "--on-conflict", "x"}, "--on-conflict"},
		{[]string{"--in", "d", "--hyperloglog", "x"}, "--hyperloglog"},
		{[]string{"--in", "d", "--on-exists", "skip"}, "on-exists"}, // of load only
		{[]string{"--in", "d", "x"}, "not a flag"},
	} {
		runCommand(append([]string{"verify"}, c.args...)...).failed(t, exitcode.Usage, c.says)
	}
}

func TestVerifyNoDump(t *testing.T) {
	runCommand("verify", "--in", t.TempDir()).failed(t, exitcode.NoDump, "no finished dump")
}

func TestVerifyHelp(t *testing.T) {
	r := runCommand("verify", "--help")
	for _, want := range []string{"EXAMPLES", "--reverse", "--sample", "--left-out", "--map-db", "EXIT CODES"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("the help does not have %q", want)
		}
	}
	if strings.Contains(r.stdout, "   --on-exists ") || strings.Contains(r.stdout, "   --pipeline ") {
		t.Error("the help has flags of load")
	}
}

// TestDifferentWins: what differs is worse than what was left out and is listed.
func TestDifferentWins(t *testing.T) {
	err := errors.Join(&exitcode.DifferentError{Text: "1 of 2 keys differ"}, &exitcode.LeftOutError{Text: "left out"})
	if code := load.ExitCode(fmt.Errorf("load: %w", err)); code != exitcode.Different {
		t.Errorf("exit code %d", code)
	}
}
