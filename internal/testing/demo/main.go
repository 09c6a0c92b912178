// Command demo shows a whole migration without any server: it starts a simulated Pika with a sample
// of every type and an in-memory target, and runs the real pikadump and kvload between them: plan,
// dump, inspect, a load that is killed and resumed, verify. Then it compares by itself.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/minitarget"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

func main() {
	bin := flag.String("bin", "bin", "directory of pikadump and kvload")
	flag.Parse()
	if err := run(context.Background(), *bin); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, bin string) error {
	sim, err := pikasim.Start(pikasim.Options{Version: pikasim.V355})
	if err != nil {
		return err
	}
	defer sim.Close()
	mini, err := minitarget.Start()
	if err != nil {
		return err
	}
	defer mini.Close()
	source, target := connect(sim.Addr()), connect(mini.Addr())
	defer source.Close()
	defer target.Close()
	if err := fill(ctx, source); err != nil {
		return fmt.Errorf("fill the simulated Pika: %w", err)
	}
	s := story{from: "redis://" + sim.Addr(), to: "redis://" + mini.Addr(), clock: func(passed time.Duration, now time.Time) {
		mini.FastForward(passed)
		mini.SetTime(now)
	}}
	if s.bin, err = filepath.Abs(bin); err != nil {
		return err
	}
	if s.dir, err = os.MkdirTemp("", "pika2kvrocks-demo-"); err != nil {
		return err
	}
	defer os.RemoveAll(s.dir)
	if err := s.tell(ctx, target); err != nil {
		return err
	}
	n, err := compare(ctx, source, target)
	if err != nil {
		return err
	}
	fmt.Printf("\nThe demo read %d keys of both servers by itself, with their values: all equal.\n%s", n, next)
	return nil
}

// next is what a user does with servers of their own.
const next = `
Next, with your own servers:
  pikadump plan --uri redis://PIKA:9221
  pikadump dump --uri redis://PIKA:9221 --out dump
  kvload load --uri redis://KVROCKS:6666 --in dump --dry-run
  kvload load --uri redis://KVROCKS:6666 --in dump --verify
Whatever stops a run: the same command with --resume. To undo a load: kvload rollback.
The night of the migration, step by step: docs/operations/cut-over.md
`

func connect(addr string) *redis.Client {
	return redis.NewClient(&redis.Options{Addr: addr, Protocol: 2, DisableIdentity: true})
}

// A story runs the tools, in a directory of its own, and shows what they say as they say it.
type story struct {
	bin, dir, from, to string

	// Clock sets the target's, whose keys grow older only when it is told how much.
	clock func(passed time.Duration, now time.Time)
	at    time.Time
}

func (s *story) tell(ctx context.Context, target *redis.Client) error {
	fmt.Printf("A simulated Pika 3.5.5 at %s, and an in-memory target at %s.\n", s.from, s.to)
	for _, step := range []struct{ why, line string }{
		{"How large is it, and what is to know?", "pikadump plan --uri " + s.from},
		{"Dump it.", "pikadump dump --uri " + s.from + " --out dump --source-cache-off"},
		{"What is in the dump?", "kvload inspect dump"},
	} {
		if err := s.run(step.why, step.line, 0); err != nil {
			return err
		}
	}
	if err := s.kill(ctx, target); err != nil {
		return err
	}
	// A hyperloglog of Pika can be no other server's: it is left out, and listed.
	if err := s.run("Resume it.", "kvload load --uri "+s.to+" --in dump --resume --report left-out.jsonl", 3); err != nil {
		return err
	}
	left, err := os.ReadFile(filepath.Join(s.dir, "left-out.jsonl"))
	if err != nil {
		return err
	}
	fmt.Printf("\nleft-out.jsonl:\n%s", left)
	return s.run("Is everything there, and nothing else?", "kvload verify --uri "+s.to+" --in dump --reverse", 0)
}

// run shows a command, and what it says; it must end with the exit code.
func (s *story) run(why, line string, code int) error {
	cmd := s.command(why, line)
	err := cmd.Run()
	if cmd.ProcessState == nil {
		return err
	}
	if got := cmd.ProcessState.ExitCode(); got != code {
		return fmt.Errorf("%s: exit code %d, not %d", line, got, code)
	}
	if code != 0 {
		fmt.Printf("(exit code %d)\n", code)
	}
	return nil
}

func (s *story) command(why, line string) *exec.Cmd {
	fmt.Printf("\n# %s\n$ %s\n", why, line)
	words := strings.Fields(line)
	cmd := exec.Command(filepath.Join(s.bin, words[0]), words[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, os.Stdout, os.Stdout
	now := time.Now().Round(0) // the monotonic clock differs by parts of a ms, and so would expiries
	if s.at.IsZero() {
		s.at = now
	}
	s.clock(now.Sub(s.at), now)
	s.at = now
	return cmd
}

// kill kills a load, slowed down for that, when a part of the keys is on the target.
func (s *story) kill(ctx context.Context, target *redis.Client) error {
	cmd := s.command("Load it, and kill the load half-way.", "kvload load --uri "+s.to+" --in dump --rate-keys 1k --checkpoint 100ms")
	if err := cmd.Start(); err != nil {
		return err
	}
	for n, err := int64(0), error(nil); n < keys/2; time.Sleep(10 * time.Millisecond) {
		if n, err = target.DBSize(ctx).Result(); err != nil {
			return err
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		return err
	}
	if err := cmd.Wait(); err == nil {
		return errors.New("the load ended before it was killed")
	}
	n, err := target.DBSize(ctx).Result()
	if err != nil {
		return err
	}
	fmt.Printf("(killed, with SIGKILL: %d keys are on the target)\n", n)
	return nil
}
