package e2e

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// bin is the directory of the two binaries.
var bin string

func TestMain(m *testing.M) {
	if report := os.Getenv(measureEnv); report != "" {
		os.Exit(measure(report, os.Args[1:]))
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

// build builds both tools, once. It looks at the directories of what they are built from:
// go test would take old results for new ones if it did not see that a test does.
var build = sync.OnceValue(func() error {
	for _, dir := range []string{"cmd", "reader", "writer", "format", "internal"} {
		look := func(_ string, _ fs.DirEntry, err error) error { return err }
		if err := filepath.WalkDir(filepath.Join("..", "..", dir), look); err != nil {
			return err
		}
	}
	const commands = "github.com/pika2kvrocks/pika2kvrocks/cmd/"
	if out, err := exec.Command("go", "build", "-o", bin, commands+"pikadump", commands+"kvload").CombinedOutput(); err != nil {
		return fmt.Errorf("build the tools: %w\n%s", err, out)
	}
	return nil
})

// tool returns the path of a tool.
func tool(t *testing.T, name string) string {
	t.Helper()
	if err := build(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(bin, name)
}

// result is how a run of a tool ended.
type result struct {
	code           int
	stdout, stderr string
	peak           int64 // bytes of memory at the most; 0 if it was not measured
}

// run runs a tool: pikadump or kvload.
func run(t *testing.T, name string, args ...string) result {
	t.Helper()
	return finish(t, exec.Command(tool(t, name), args...))
}

// mustRun runs a tool that must end with that exit code.
func mustRun(t *testing.T, code int, name string, args ...string) result {
	t.Helper()
	r := run(t, name, args...)
	r.mustBe(t, code, name, args)
	return r
}

func (r *result) mustBe(t *testing.T, code int, name string, args []string) {
	t.Helper()
	if r.code != code {
		t.Fatalf("%s %s: exit code %d, want %d\n%s%s", name, strings.Join(args, " "), r.code, code, r.stdout, r.stderr)
	}
}

func finish(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Dir = t.TempDir() // kvload puts its report into the working directory
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return result{code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
}

// measureEnv names the file to which a measuring process reports.
const measureEnv = "E2E_MEASURE_INTO"

// runMeasured is mustRun that also tells the peak memory. What the kernel reports of a
// child is never less than what its parent had when it started the child, and this process
// has a whole Pika in it: so a small process, this binary again, starts the tool.
func runMeasured(t *testing.T, code int, name string, args ...string) result {
	t.Helper()
	return runMeasuredFrom(t, nil, code, name, args...)
}

// runMeasuredFrom is runMeasured with a standard input.
func runMeasuredFrom(t *testing.T, stdin io.Reader, code int, name string, args ...string) result {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	report := filepath.Join(t.TempDir(), "peak")
	cmd := exec.Command(self, append([]string{tool(t, name)}, args...)...)
	cmd.Env, cmd.Stdin = append(os.Environ(), measureEnv+"="+report), stdin
	r := finish(t, cmd)
	r.mustBe(t, code, name, args)
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	if r.peak, err = strconv.ParseInt(string(text), 10, 64); err != nil {
		t.Fatal(err)
	}
	return r
}

// measure runs a tool, writes its peak memory in bytes to report, and returns
// its exit code.
func measure(report string, command []string) int {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return 1
	}
	if err := os.WriteFile(report, strconv.AppendInt(nil, usage.Maxrss<<10, 10), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return cmd.ProcessState.ExitCode()
}
