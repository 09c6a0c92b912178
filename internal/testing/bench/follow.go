package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// caughtUp is after how many seconds a run should have caught up with what was written since the
// base.
const caughtUp = 20

// A followed is what a process that follows told of itself.
type followed struct {
	usage
	ended  time.Time
	lag    float64 // the longest, in seconds
	keys   int64   // that were read or written
	deltas int
}

// follows times follow, from each real source, else from the simulator, to the first real target,
// else to redis-server.
func (j *job) follows(ctx context.Context) (err error) {
	var target *server
	if len(j.kvrocks) > 0 {
		target, err = given(ctx, j.kvrocks[0])
	} else {
		target, err = startRedis(j.dir)
	}
	if err != nil {
		return fmt.Errorf("the target: %w", err)
	}
	defer target.close()
	if len(j.pikas) == 0 {
		sim, err := startSim(ctx, "follow")
		if err != nil {
			return err
		}
		defer sim.close()
		return j.follow(ctx, sim, target)
	}
	return eachGiven(ctx, j.pikas, func(s *server) error { return j.follow(ctx, s, target) })
}

func (j *job) follow(ctx context.Context, from, to *server) error {
	for _, s := range []*server{from, to} {
		if err := s.empty(ctx); err != nil {
			return err
		}
	}
	if _, err := self(ctx, "pipe", from.addr, j.file, "4"); err != nil {
		return fmt.Errorf("fill %s: %w", from.name, err)
	}
	if _, err := j.makeDump(ctx, from.addr); err != nil {
		return err
	}
	if _, err := j.load(ctx, to, "auto"); err != nil {
		return err
	}
	chain, state := filepath.Join(j.dir, "chain"), filepath.Join(j.dir, "state")
	if err := os.RemoveAll(chain); err != nil {
		return err
	}
	source := j.start(ctx, "pikadump", "follow", "--uri", "redis://"+from.addr, "--base", j.dump, "--out", chain, "--until-idle", "2s")
	target := j.start(ctx, "kvload", "follow", "--uri", "redis://"+to.addr, "--base", j.dump, "--in", chain, "--state", state)
	out, err := self(ctx, "write", from.addr, strconv.Itoa(j.rate), strconv.Itoa(j.seconds), strconv.Itoa(j.keys))
	if err != nil {
		return err
	}
	var w written
	if err := json.Unmarshal([]byte(out.stdout), &w); err != nil {
		return err
	}
	dumped, err := source()
	if err != nil {
		return err
	}
	loaded, err := target()
	if err != nil {
		return err
	}
	verify, err := j.tool(ctx, "kvload", "verify", "--quiet", "--uri", "redis://"+to.addr, "--base", j.dump, "--in", chain, "--state", state)
	if err != nil {
		return err
	}
	fmt.Printf("\n**follow: %s to %s, while %.0f keys a second are written for %d s (%d keys of 120 bytes)**\n\n", from.name, to.name, w.rate(), j.seconds, j.keys)
	fmt.Printf("| | CPU s | of one core | CPU s per million keys | peak MiB | longest lag s | deltas |\n|---|---|---|---|---|---|---|\n")
	for _, p := range []struct {
		name string
		*followed
	}{{"pikadump follow", dumped}, {"kvload follow", loaded}} {
		fmt.Printf("| %s | %s | %.0f %% | %.2f | %d | %.1f | %d |\n", p.name, seconds(p.cpu), 100*p.cpu.Seconds()/p.wall.Seconds(),
			p.cpu.Seconds()*1e6/float64(max(1, p.keys)), p.peak>>20, p.lag, p.deltas)
		j.goals.memory(p.usage)
	}
	equal := loaded.ended.Sub(w.Ended)
	fmt.Printf("\nThe last delta was made %s s after the last write, and loaded after %s s. `kvload verify` of the base and all deltas found no difference (%s s).\n",
		seconds(dumped.ended.Sub(w.Ended)), seconds(equal), seconds(verify.wall))
	j.goals.add("follow of "+from.name+": s from the last write until all is loaded", equal.Seconds(), 10)
	j.goals.ratio("follow of "+from.name+": writes a second that were aimed at ÷ made", time.Duration(j.rate), time.Duration(w.rate()), 1.05)
	return nil
}

// start starts a tool that follows; wait waits for its end.
func (j *job) start(ctx context.Context, tool string, args ...string) (wait func() (*followed, error)) {
	f, done := &followed{}, make(chan error, 1)
	go func() {
		u, err := j.tool(ctx, tool, append(args, "--progress", "json", "--json")...)
		f.usage, f.ended = u, time.Now()
		if err == nil {
			err = f.read()
		}
		done <- err
	}()
	return func() (*followed, error) { return f, <-done }
}

// read takes what stands in the result and in the lines of --progress json.
func (f *followed) read() error {
	var sum struct {
		Keys  int64
		Chain struct{ Deltas int }
	}
	if err := json.Unmarshal([]byte(f.stdout), &sum); err != nil {
		return err
	}
	f.keys, f.deltas = sum.Keys, sum.Chain.Deltas
	for line := range strings.Lines(f.log) {
		var p struct {
			Elapsed float64 `json:"elapsed_seconds"`
			Lag     *struct{ Seconds float64 }
		}
		if strings.HasPrefix(line, `{"schema"`) {
			if err := json.Unmarshal([]byte(line), &p); err != nil {
				return err
			}
		}
		if p.Lag != nil && p.Elapsed > caughtUp { // before, it is what was written since the base
			f.lag = max(f.lag, p.Lag.Seconds)
		}
	}
	return nil
}
