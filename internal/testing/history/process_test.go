package history

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// hangs is how long a tool may run before it is thought to hang.
const hangs = 90 * time.Second

// A process is a tool that runs, or ran.
type process struct {
	cmd    *exec.Cmd
	stderr bytes.Buffer
	stdout bytes.Buffer
	ended  chan struct{}
	peak   int // KiB of memory, as far as it was watched
}

// start starts a tool.
func (h *history) start(name string, stdin io.Reader, args ...string) *process {
	h.Helper()
	p := &process{cmd: exec.Command(filepath.Join(bin, name), args...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.Stdin, p.cmd.Dir = &p.stdout, &p.stderr, stdin, h.TempDir()
	h.must(p.cmd.Start())
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // the exit code tells
	}()
	return p
}

// kill kills the process, and waits until it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
}

// Exit codes: killed is of a process that was.
const (
	killed        = -1
	exitUsage     = 2
	exitDifferent = 4
	exitRefused   = 5
	exitAgain     = 75
)

// wait waits for the end.
func (p *process) wait(h *history) (code int) {
	h.Helper()
	select {
	case <-p.ended:
	case <-time.After(hangs):
		_ = p.cmd.Process.Signal(syscall.SIGQUIT) // it says where its goroutines are
		<-p.ended
		h.broken("%s %s never ends:\n%s", filepath.Base(p.cmd.Path), p.cmd.Args[1], tail(p.stderr.String(), 3000))
	}
	code = p.cmd.ProcessState.ExitCode()
	h.tell("%s %s → %d  %s", filepath.Base(p.cmd.Path), strings.Join(p.cmd.Args[1:], " "), code, tail(p.stderr.String(), 400))
	if p.peak > 0 {
		h.tell("it took %d MiB of memory", p.peak>>10)
	}
	return code
}

func tail(s string, n int) string {
	s = strings.TrimSpace(s)
	if len(s) > n {
		s = "…" + s[len(s)-n:]
	}
	return s
}

// mostMemory is what a tool may take, in KiB, however large the data are: more than its soft limit
// and a few replies.
const mostMemory = 120 << 10

// watch looks at the peak of the tool's memory.
func (p *process) watch(h *history) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil { // it has ended
		return
	}
	_, text, _ = bytes.Cut(text, []byte("VmHWM:"))
	var peak int
	if _, err := fmt.Sscan(string(text), &peak); err == nil && peak > mostMemory && p.peak <= mostMemory {
		h.broken("%s %s takes %d MiB of memory", filepath.Base(p.cmd.Path), p.cmd.Args[1], peak>>10)
	}
	p.peak = max(p.peak, peak)
}
