package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
)

// A usage is what one run of a process took, and what it said.
type usage struct {
	wall, cpu   time.Duration
	peak        int64 // bytes of resident memory
	stdout, log string
}

// measure runs a command and returns what it took. This process stays small: what the kernel says
// of a child is never less than what its parent had.
func measure(ctx context.Context, stdin io.Reader, name string, args ...string) (u usage, err error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var out, log strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &log
	start := time.Now()
	err = cmd.Run()
	u.wall, u.stdout, u.log = time.Since(start), out.String(), log.String()
	if err != nil {
		return u, fmt.Errorf("%s %s: %w\n%s%s", filepath.Base(name), strings.Join(args, " "), err, u.stdout, u.log)
	}
	ru, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return u, fmt.Errorf("%s: no resource usage on this system", name)
	}
	u.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	u.peak = ru.Maxrss << 10
	return u, nil
}

// self runs this program in another role.
func self(ctx context.Context, role string, args ...string) (usage, error) {
	path, err := os.Executable()
	if err != nil {
		return usage{}, err
	}
	return measure(ctx, nil, path, append([]string{role}, args...)...)
}

// cpuOf returns what a process on this host has used.
func cpuOf(pid int) (time.Duration, error) {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return 0, err
	}
	stat, err := p.Stat()
	return time.Duration(stat.CPUTime() * float64(time.Second)), err
}
