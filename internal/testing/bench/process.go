package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
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
func cpuOf(pid string) (time.Duration, error) {
	stat, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // behind the name, which can hold anything
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%s/stat says %q", pid, stat)
	}
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	const tick = 10 * time.Millisecond
	return time.Duration(user+system) * tick, errors.Join(err1, err2)
}
