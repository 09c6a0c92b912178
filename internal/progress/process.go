package progress

import (
	"bytes"
	"os"
	"runtime/metrics"
	"strconv"
	"syscall"
	"time"
)

// A process looks at what this process takes.
type process struct{ cpu speed }

func (p *process) look(now time.Time) Process {
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used) // of itself a process may always ask
	seconds := time.Duration(used.Utime.Nano() + used.Stime.Nano()).Seconds()
	return Process{CPU: p.cpu.at(now, seconds, rateTime), CPUSeconds: seconds, Resident: resident()}
}

// resident returns the memory that this process has; where there is no /proc, what the Go runtime
// has of the system.
func resident() int64 {
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		if fields := bytes.Fields(text); len(fields) > 1 {
			if pages, err := strconv.ParseInt(string(fields[1]), 10, 64); err == nil {
				return pages * int64(os.Getpagesize())
			}
		}
	}
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64() - s[1].Value.Uint64())
}
