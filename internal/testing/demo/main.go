// Command demo shows a whole migration without any server: it starts a simulated Pika with
// a sample of every type and an in-memory target, runs the real pikadump and kvload between them,
// and compares.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/minitarget"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

func main() {
	bin := flag.String("bin", "bin", "directory of pikadump and kvload")
	flag.Parse()
	if err := run(*bin); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(bin string) error {
	sim, err := pikasim.Start(pikasim.Options{Version: pikasim.V355})
	if err != nil {
		return err
	}
	defer sim.Close()
	target, err := minitarget.Start()
	if err != nil {
		return err
	}
	defer target.Close()
	work, err := os.MkdirTemp("", "pika2kvrocks-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	ctx := context.Background()
	source := redis.NewClient(&redis.Options{Addr: sim.Addr(), Protocol: 2, DisableIdentity: true})
	defer source.Close()
	if err := fill(ctx, source); err != nil {
		return fmt.Errorf("fill the simulated Pika: %w", err)
	}
	dir := filepath.Join(work, "dump")
	for _, c := range []struct {
		program string
		args    []string
		left    bool // keys may be left out: exit code 3
	}{
		{"pikadump", []string{"dump", "--uri", "redis://" + sim.Addr(), "--out", dir}, false},
		{"kvload", []string{"check", dir}, false},
		{"kvload", []string{"load", "--uri", "redis://" + target.Addr(), "--in", dir, "--report", filepath.Join(work, "left-out.jsonl")}, true},
	} {
		if err := command(filepath.Join(bin, c.program), c.args, c.left); err != nil {
			return err
		}
	}
	left, err := os.ReadFile(filepath.Join(work, "left-out.jsonl"))
	if err != nil {
		return err
	}
	fmt.Printf("\nleft out, as the report lists it:\n%s", left)
	loaded := redis.NewClient(&redis.Options{Addr: target.Addr(), Protocol: 2, DisableIdentity: true})
	defer loaded.Close()
	n, err := compare(ctx, source, loaded)
	if err != nil {
		return err
	}
	fmt.Printf("\ncompared the values of %d keys of the source with the target: all equal\n", n)
	return nil
}

// command runs a program and shows what it says.
func command(program string, args []string, leftOut bool) error {
	fmt.Printf("\n$ %s", filepath.Base(program))
	for _, a := range args {
		fmt.Printf(" %s", a)
	}
	fmt.Println()
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stdout
	err := cmd.Run()
	var exit *exec.ExitError
	if leftOut && errors.As(err, &exit) && exit.ExitCode() == 3 {
		fmt.Println("(exit code 3: done, but something was left out and is listed)")
		return nil
	}
	return err
}
