package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

func manyTexts(n int) (list []format.Record) {
	for i := range n {
		list = append(list, text(fmt.Sprintf("key%04d", i), strings.Repeat("x", 100)))
	}
	return list
}

// TestRates: what is no rate is refused.
func TestRates(t *testing.T) {
	for _, wrong := range [][]string{{"--rate-keys", "0"}, {"--rate-keys", "5MB"}, {"--rate-bytes", "10"}, {"--max-latency-factor", "1"}} {
		runCommand(append([]string{"load", "--uri", "127.0.0.1:1", "--in", "x"}, wrong...)...).failed(t, 2, wrong[0], "such as")
	}
}

// TestInterruptResting: a signal ends a load that waits for its rate, and it goes on.
func TestInterruptResting(t *testing.T) {
	m := startTarget(t)
	dir := makeDump(t, manyTexts(20))
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := exec.Command(self, "load", "--uri", m.Addr(), "--in", dir, "--rate-keys", "1", "--threads", "2")
	cmd.Env = append(os.Environ(), asCommand+"=1")
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// The probe writes keys, too. Which of the two workers is the first to load, nobody knows.
	for !slices.ContainsFunc(m.Keys(), func(key string) bool { return strings.HasPrefix(key, "key") }) {
		time.Sleep(5 * time.Millisecond)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 130 || !strings.Contains(stderr.String(), "--resume") {
		t.Errorf("exit code %d: %s", code, &stderr)
	}
	if n := len(m.Keys()); n == 20 {
		t.Error("it was done already")
	}
	if r := runCommand("load", "--uri", m.Addr(), "--in", dir, "--resume", "--verify"); r.code != 0 {
		t.Errorf("%d: %s", r.code, r.stderr)
	}
}
