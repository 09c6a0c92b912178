package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/binaries"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/emulator"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/s3server"
)

// bin is the directory of the two binaries.
var bin string

func TestMain(m *testing.M) {
	if report := os.Getenv(measureEnv); report != "" {
		os.Exit(measure(report, os.Args[1:]))
	}
	for _, variable := range slices.Concat(s3server.Environment, emulator.Environment) { // tests that run in parallel cannot set it
		name, value, _ := strings.Cut(variable, "=")
		os.Setenv(name, value)
		os.Setenv("PIKADUMP_RETRY_FOR", "0") // tests that take the source away do not wait for it
	}
	dir, err := os.MkdirTemp("", "e2e-bin-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	bin = dir
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// build builds both tools, once.
var build = sync.OnceValue(func() error { return binaries.Build(bin) })

// parallel lets a test run beside others, each with servers of its own. The real servers are of
// all.
func parallel(t *testing.T) {
	t.Helper()
	for _, variable := range []string{"PIKA_ADDR", "KVROCKS_ADDR", "KVROCKS_CLUSTER_ADDR"} {
		if os.Getenv(variable) != "" {
			return
		}
	}
	t.Parallel()
}

// soaking returns when a crash loop may end: with SOAK=10m in ten minutes, else as soon as its
// rounds are done.
func soaking(t *testing.T) (until time.Time) {
	t.Helper()
	soak := os.Getenv("SOAK")
	if soak == "" {
		return time.Time{}
	}
	d, err := time.ParseDuration(soak)
	if err != nil {
		t.Fatalf("SOAK: %v", err)
	}
	return time.Now().Add(d)
}

// tool returns the path of a tool.
func tool(t *testing.T, name string) string {
	t.Helper()
	if err := build(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(bin, name)
}
