package main

import (
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
)

func TestVerifyUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
	}{
		{nil, "--in is missing"},
		{[]string{"--in", "d", "--rounds", "0"}, "--rounds"},
		{[]string{"--in", "d", "--sample", "x"}, "--sample"},
		{[]string{"--in", "d", "--threads", "-1"}, "--threads"},
		{[]string{"--in", "d", "--timeout", "-1s"}, "--timeout"},
		{[]string{"--in", "d", "--rate-keys", "0"}, "it is a number above 0"},
		{[]string{"--in", "d", "--window", "25:00-26:00"}, "--window"},
		{[]string{"--in", "d", "x"}, "not a flag"},
	} {
		runCommand(append([]string{"verify"}, c.args...)...).failed(t, exitcode.Usage, c.says)
	}
}

func TestVerifyNoDump(t *testing.T) {
	runCommand("verify", "--in", t.TempDir()).failed(t, exitcode.NoDump, "no finished dump")
}
