package main

import (
	"bytes"
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

// A usage is what one run of a process took.
type usage struct {
	wall, cpu time.Duration
	peak      int64 // bytes of resident memory
}

// measure runs a command and returns what it took. This process stays small: what the kernel says
// of a child is never less than what its parent had.
func measure(ctx context.Context, stdin io.Reader, name string, args ...string) (usage, []byte, error) {
	u, stdout, _, err := spend(ctx, stdin, name, args...)
	return u, stdout, err
}

// spend is measure, and returns what the command says on stderr as well.
func spend(ctx context.Context, stdin io.Reader, name string, args ...string) (u usage, stdout, stderr []byte, err error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var out, log bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &log
	start := time.Now()
	err = cmd.Run()
	u.wall = time.Since(start)
	if err != nil {
		return u, nil, nil, fmt.Errorf("%s %s: %w\n%s%s", filepath.Base(name), strings.Join(args, " "), err, out.String(), log.String())
	}
	ru, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return u, nil, nil, fmt.Errorf("%s: no resource usage on this system", name)
	}
	u.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	u.peak = ru.Maxrss << 10
	return u, out.Bytes(), log.Bytes(), nil
}

// self runs this program in another role.
func self(ctx context.Context, role string, args ...string) (usage, []byte, error) {
	path, err := os.Executable()
	if err != nil {
		return usage{}, nil, err
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
