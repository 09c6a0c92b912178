package history

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/binaries"
)

// bin is the directory of the two binaries.
var bin string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "history-bin-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, e := range os.Environ() { // a password of the developer's changes what is tested
		if name, _, _ := strings.Cut(e, "="); strings.HasPrefix(name, "KVLOAD_") || strings.HasPrefix(name, "PIKADUMP_") || name == "REDISCLI_AUTH" {
			os.Unsetenv(name)
		}
	}
	bin = dir
	code := m.Run()
	var tools, self syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_CHILDREN, &tools) == nil && syscall.Getrusage(syscall.RUSAGE_SELF, &self) == nil {
		cpu := func(u syscall.Rusage) time.Duration {
			return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Round(time.Millisecond)
		}
		fmt.Printf("CPU: %v here, %v the tools, with their build\n", cpu(self), cpu(tools))
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// build builds both tools, once.
var build = sync.OnceValue(func() error { return binaries.Build(bin) })

// count is how many histories each test runs.
func count(t *testing.T) (first, n uint64) {
	number := func(name string, otherwise uint64) uint64 {
		s := os.Getenv(name)
		if s == "" {
			return otherwise
		}
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return n
	}
	n = number("HISTORIES", 50) / 2
	if os.Getenv("HISTORY_SEED") != "" {
		n = 1
	}
	return number("HISTORY_SEED", 1), n
}

// TestReading: what a dump says is what was there, or was there at some moment, or is listed.
func TestReading(t *testing.T) { histories(t, "TestReading", func(h *history) { newReading(h).run() }) }

// TestWriting: what a load leaves behind is what was asked for, or is listed, and a rollback takes
// back that and no more.
func TestWriting(t *testing.T) {
	to := startTarget(t)
	histories(t, "TestWriting", func(h *history) { newWriting(h, to).run() })
}

func histories(t *testing.T, name string, run func(*history)) {
	if err := build(); err != nil {
		t.Fatal(err)
	}
	t.Parallel()
	first, n := count(t)
	group := make(chan struct{}, 2) // beside each other
	for seed := first; seed < first+n; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			group <- struct{}{}
			defer func() { <-group }()
			h := &history{T: t, name: name, seed: seed, rng: rand.New(rand.NewPCG(seed, 0))}
			defer h.close()
			run(h)
		})
	}
}

// A history is one that is being made.
type history struct {
	*testing.T
	name string
	seed uint64
	rng  *rand.Rand

	mu    sync.Mutex
	told  []string // what happened
	wrong []string // which promises were broken
}

// tell notes what happens.
func (h *history) tell(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.told = append(h.told, fmt.Sprintf(format, args...))
}

// broken notes that a promise was broken.
func (h *history) broken(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wrong = append(h.wrong, fmt.Sprintf(format, args...))
}

// mostShown is how many broken promises are shown.
const mostShown = 8

// close says what was broken, and by what.
func (h *history) close() {
	h.Helper()
	if r := recover(); r != nil {
		h.broken("the test itself failed: %v\n%s", r, debug.Stack())
	}
	if n := len(h.wrong); n > 0 || h.Failed() {
		h.Errorf("%d promises broken:\n  %s\nafter\n  %s\nreplay: HISTORY_SEED=%d go test ./internal/testing/history -run '%s$' -v", n,
			strings.Join(h.wrong[:min(n, mostShown)], "\n  "), strings.Join(h.told, "\n  "), h.seed, h.name)
	} else if os.Getenv("HISTORY_SEED") != "" {
		h.Log(strings.Join(h.told, "\n"))
	}
}

// one returns one of the choices.
func one[T any](rng *rand.Rand, choices ...T) T { return choices[rng.IntN(len(choices))] }

// chance is true once in n times.
func (h *history) chance(n int) bool { return h.rng.IntN(n) == 0 }

// must ends the history at an error of its own.
func (h *history) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatalf("%v (seed %d)", err, h.seed)
	}
}
