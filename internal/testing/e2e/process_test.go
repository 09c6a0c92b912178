package e2e

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// hangs is how long a tool may run before it is thought to hang. Only the largest data takes
// longer.
func hangs() time.Duration {
	if os.Getenv("E2E_MEMORY") == "1" {
		return 24 * time.Hour
	}
	return 5 * time.Minute
}

// A process is a tool that runs.
type process struct {
	cmd            *exec.Cmd
	stdout, stderr said
	ended          chan struct{} // closed at its end
}

// said is what a process has said so far.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// start starts a tool, whose output goes into the process if the command says nothing else. At the
// end of the test it is killed.
func start(t *testing.T, name string, args ...string) *process {
	t.Helper()
	return startCommand(t, exec.Command(tool(t, name), args...))
}

func startCommand(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, ended: make(chan struct{})}
	cmd.Stderr = &p.stderr
	if cmd.Stdout == nil {
		cmd.Stdout = &p.stdout
	}
	cmd.WaitDelay = 10 * time.Second // a tool that is measured may outlive its parent, and hold the pipes
	cmd.Dir = t.TempDir()            // kvload puts its report into the working directory
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = cmd.Wait() // the exit code tells
	}()
	t.Cleanup(func() {
		p.kill()
		<-p.ended
	})
	return p
}

func (p *process) kill() { _ = p.cmd.Process.Kill() } // it may have ended

// wait waits for the end; the exit code is -1 if the process was killed.
func (p *process) wait(t *testing.T) (code int, stderr string) {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(hangs()):
		_ = p.cmd.Process.Signal(syscall.SIGQUIT) // it says where its goroutines are
		<-p.ended
		t.Fatalf("%v hangs:\n%s", p.cmd.Args, p.stderr.String())
	}
	return p.cmd.ProcessState.ExitCode(), p.stderr.String()
}

// mustSay waits for the end, which must be so.
func (p *process) mustSay(t *testing.T, code int, text string) {
	t.Helper()
	if got, stderr := p.wait(t); got != code || !strings.Contains(stderr, text) {
		t.Fatalf("%v: exit code %d, want %d and %q\n%s", p.cmd.Args, got, code, text, stderr)
	}
}

// await waits until the process has said something, and is still at work.
func (p *process) await(t *testing.T, text string) {
	t.Helper()
	waitFor(t, text, func() bool {
		select {
		case <-p.ended:
			t.Fatalf("%v ended without %q:\n%s", p.cmd.Args, text, p.stderr.String())
		default:
		}
		return strings.Contains(p.stderr.String(), text)
	})
}

// until waits until the channel is closed, before the end of the process.
func (p *process) until(t *testing.T, closed <-chan struct{}) {
	t.Helper()
	select {
	case <-closed:
	case <-p.ended:
		code, stderr := p.wait(t)
		t.Fatalf("%v ended too early with %d:\n%s", p.cmd.Args, code, stderr)
	}
}

// waitFor waits until something is there.
func waitFor(t *testing.T, what string, there func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !there(); time.Sleep(time.Millisecond / 2) {
		if time.Now().After(end) {
			t.Fatalf("%s does not come", what)
		}
	}
}

// A result is how a run of a tool ended.
type result struct {
	code           int // -1: it was killed
	stdout, stderr string
	peak           int64 // bytes of memory at the most; 0 if it was not measured
}

// result waits for the end.
func (p *process) result(t *testing.T) result {
	t.Helper()
	code, stderr := p.wait(t)
	return result{code: code, stdout: p.stdout.String(), stderr: stderr}
}

// run runs a tool: pikadump or kvload.
func run(t *testing.T, name string, args ...string) result {
	t.Helper()
	return start(t, name, args...).result(t)
}

// runFor runs a tool and kills it after a while, if it has not ended before.
func runFor(t *testing.T, d time.Duration, name string, args ...string) result {
	t.Helper()
	p := start(t, name, args...)
	defer time.AfterFunc(d, p.kill).Stop()
	return p.result(t)
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

// finish runs a command to its end.
func finish(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	return startCommand(t, cmd).result(t)
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
