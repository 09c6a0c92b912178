package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
)

// A job is one data set on one machine.
type job struct {
	*options
	data string // its name
	keys int
	file string // of commands
	dir  string
	dump string // the last one that was made; empty: none yet
	n    int    // of what the data set has
	unit string

	rounds int
}

// The median of so many rounds counts; from manyKeys on each is run once only.
const (
	rounds   = 3
	manyKeys = 1_000_000
)

func run(ctx context.Context, o *options) error {
	fmt.Printf("`make bench` on %d cores, medians of %d, above a million keys of one; ratios below 1: ours is faster\n", runtime.NumCPU(), rounds)
	for i, keys := range o.keys {
		for _, data := range o.data {
			if data != "mixed" && i < len(o.keys)-1 {
				continue
			}
			if err := runData(ctx, o, data, keys); err != nil {
				return fmt.Errorf("%s, %d keys: %w", data, keys, err)
			}
		}
	}
	o.goals.print()
	return nil
}

func runData(ctx context.Context, o *options, data string, keys int) error {
	dir, err := os.MkdirTemp("", "pika2kvrocks-bench-") // for some GB
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	j := &job{options: o, data: data, keys: keys, dir: dir, file: filepath.Join(dir, "commands"), rounds: rounds}
	if keys > manyKeys {
		j.rounds = 1
	}
	set := dataSets[data]
	j.n, j.unit = keys*set.times/set.keys, set.unit
	if _, err := self(ctx, "data", data, strconv.Itoa(keys), j.file); err != nil {
		return err
	}
	fmt.Printf("\n### %d %s\n", j.n, j.unit)
	if j.half == "follow" {
		return j.follows(ctx)
	}
	if err := j.sources(ctx); err != nil {
		return err
	}
	if o.half != "goals" || data == "mixed" {
		if err := j.inside(ctx); err != nil {
			return err
		}
	}
	if o.half == "dump" {
		return nil
	}
	return j.targets(ctx)
}

// sources times dumps, from the simulator first.
func (j *job) sources(ctx context.Context) error {
	sim, err := startSim(ctx)
	if err != nil {
		return err
	}
	defer sim.close()
	dumpOnly := j.half == "load" || j.half == "goals"
	if err := j.source(ctx, sim, dumpOnly); err != nil || dumpOnly && (j.half == "load" || j.data != "mixed") {
		return err
	}
	sim.close()
	return eachGiven(ctx, j.pikas, func(s *server) error { return j.source(ctx, s, false) })
}

// source fills one source and times the ways to read it; dumpOnly makes a dump for the loads.
func (j *job) source(ctx context.Context, s *server, dumpOnly bool) error {
	if err := s.empty(ctx); err != nil {
		return err
	}
	if _, err := self(ctx, "pipe", s.addr, j.file, "4"); err != nil {
		return fmt.Errorf("fill %s: %w", s.name, err)
	}
	if err := s.settle(ctx); err != nil {
		return err
	}
	recordings := filepath.Join(j.dir, "recordings")
	ours := row{name: "pikadump dump"}
	script := row{name: "(a) script of SCAN, TYPE, GET …, PTTL"}
	bare := row{name: "(b) the same commands over bare sockets, one per type"}
	for i := range j.rounds {
		if err := ours.add(j.makeDump(ctx, s.addr)); err != nil || dumpOnly {
			return err
		}
		if j.half != "goals" {
			if err := script.add(self(ctx, "naive", s.addr)); err != nil {
				return err
			}
		}
		if i == 0 {
			if err := j.record(ctx, s, recordings); err != nil {
				return err
			}
		}
		if err := bare.add(self(ctx, "floor", s.addr, recordings)); err != nil {
			return err
		}
	}
	printTable("dump of "+s.name, j.n, j.unit, []row{ours, script, bare})
	j.goals.memory(ours.usage)
	if j.data == "mixed" && s.pid != 0 {
		j.goals.ratio("dump of "+s.name+" ÷ (b)", ours.wall, bare.wall, 1.15)
	}
	return os.RemoveAll(recordings)
}

func (j *job) makeDump(ctx context.Context, addr string, more ...string) (usage, error) {
	j.dump = filepath.Join(j.dir, "dump")
	if err := os.RemoveAll(j.dump); err != nil {
		return usage{}, err
	}
	return j.tool(ctx, "pikadump", append([]string{"dump", "--quiet", "--uri", "redis://" + addr, "--out", j.dump}, more...)...)
}

// tool runs pikadump or kvload.
func (j *job) tool(ctx context.Context, name string, args ...string) (usage, error) {
	return measure(ctx, nil, filepath.Join(j.bin, name), args...)
}

// record writes down what a dump sends that has one connection for each type.
func (j *job) record(ctx context.Context, s *server, dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	r, err := record(s.addr, dir)
	if err != nil {
		return err
	}
	_, err = j.makeDump(ctx, r.lis.Addr().String(), "--threads", "6", "--split-keys", "1000000000000")
	return errors.Join(err, r.close())
}

// targets times loads and their verification.
func (j *job) targets(ctx context.Context) error {
	if j.half != "goals" {
		redis, err := startRedis(j.dir)
		if err != nil {
			return fmt.Errorf("start redis-server: %w", err)
		}
		defer redis.close()
		if err := j.target(ctx, redis, "commands"); err != nil {
			return err
		}
		redis.close()
	}
	methods := []string{"raw", "commands"}
	if j.half == "goals" && j.data != "mixed" {
		methods = methods[:1]
	}
	return eachGiven(ctx, j.kvrocks, func(s *server) error { return j.target(ctx, s, methods...) })
}

// target times loads by each method, commands the last, and a verify of what they wrote. The ways
// take turns, so that what else the machine does meets all of them.
func (j *job) target(ctx context.Context, s *server, methods ...string) error {
	rows, verify, cli := make([]row, len(methods)), row{}, row{name: "(c) redis-cli --pipe"}
	var pipes []row
	for _, n := range []int{1, 2, 4, 8} {
		if n >= 4 || j.data != "strings" {
			pipes = append(pipes, row{name: fmt.Sprintf("(d) bare pipes, of the best number: %d", n), n: n})
		}
	}
	for range j.rounds {
		for i, m := range methods {
			rows[i].name = "kvload load --method " + m
			if err := rows[i].add(j.load(ctx, s, m)); err != nil {
				return err
			}
		}
		if j.half != "goals" || len(methods) > 1 {
			if err := verify.add(j.verify(ctx, s)); err != nil {
				return err
			}
		}
		if j.half != "goals" {
			if err := cli.add(j.cliPipe(ctx, s)); err != nil {
				return err
			}
		}
		for i := range pipes {
			if err := s.empty(ctx); err != nil {
				return err
			}
			if err := pipes[i].add(self(ctx, "pipe", s.addr, j.file, strconv.Itoa(pipes[i].n))); err != nil {
				return err
			}
		}
		slices.SortFunc(pipes, func(a, b row) int { return cmp.Compare(a.wall, b.wall) })
		pipes = pipes[:2] // the slower ones of the first round are not tried again
	}
	best := pipes[0]
	printTable("load into "+s.name, j.n, j.unit, slices.Concat(rows, []row{cli, best}))
	commands := rows[len(methods)-1]
	if verify.wall > 0 {
		fmt.Printf("\n`kvload verify`: %s s (%.2f × the load's by commands), CPU %s s, peak %d MiB\n",
			seconds(verify.wall), float64(verify.wall)/float64(commands.wall), seconds(verify.cpu), verify.peak>>20)
	}
	for _, r := range append(rows, verify) {
		j.goals.memory(r.usage)
	}
	if methods[0] != "raw" {
		return nil
	}
	into := "into " + s.name + ", " + j.unit + ": "
	if most, ok := map[string]float64{"mixed": 0.45, "strings": 0.6, "hash": 0.5}[j.data]; ok {
		j.goals.ratio(into+"raw ÷ (d)", rows[0].wall, best.wall, most)
	}
	if j.data == "mixed" {
		j.goals.add(into+"CPU s of a raw load per million", rows[0].cpu.Seconds()*1e6/float64(j.n), 1.2)
		j.goals.ratio(into+"verify ÷ load by commands", verify.wall, commands.wall, 0.7)
	}
	return nil
}

// at are the flags that say what is loaded or verified, and where.
func (j *job) at(s *server) []string {
	return []string{"--quiet", "--uri", "redis://" + s.addr, "--in", j.dump, "--report", filepath.Join(j.dir, "report")}
}

// load loads the dump into an empty server.
func (j *job) load(ctx context.Context, s *server, method string) (usage, error) {
	if err := s.empty(ctx); err != nil {
		return usage{}, err
	}
	state := filepath.Join(j.dir, "state")
	if err := os.RemoveAll(state); err != nil {
		return usage{}, err
	}
	return j.tool(ctx, "kvload", append([]string{"load", "--method", method, "--state", state}, j.at(s)...)...)
}

// verify compares what was loaded last, when the server is at rest.
func (j *job) verify(ctx context.Context, s *server) (usage, error) {
	if err := s.settle(ctx); err != nil {
		return usage{}, err
	}
	return j.tool(ctx, "kvload", append([]string{"verify"}, j.at(s)...)...)
}

// cliPipe loads by redis-cli --pipe.
func (j *job) cliPipe(ctx context.Context, s *server) (usage, error) {
	if err := s.empty(ctx); err != nil {
		return usage{}, err
	}
	f, err := os.Open(j.file)
	if err != nil {
		return usage{}, err
	}
	defer f.Close()
	u, err := measure(ctx, f, "redis-cli", "-u", "redis://"+s.addr, "--pipe")
	if err == nil && !noErrors.MatchString(u.stdout) {
		err = fmt.Errorf("redis-cli --pipe: %s", u.stdout)
	}
	return u, err
}

var noErrors = regexp.MustCompile(`errors: 0, replies: \d+`)

// inside times what reads the last dump through: stats and report beside check.
func (j *job) inside(ctx context.Context) error {
	page := filepath.Join(j.dir, "report.html")
	stats, report, check := row{name: "kvload stats"}, row{name: "kvload report"}, row{name: "kvload check"}
	for range j.rounds {
		err := errors.Join(
			check.add(j.tool(ctx, "kvload", "check", "--quiet", j.dump)),
			stats.add(j.tool(ctx, "kvload", "stats", "--quiet", j.dump)),
			report.add(j.tool(ctx, "kvload", "report", "--quiet", j.dump, "--out", page)),
		)
		if err != nil {
			return err
		}
	}
	printTable("look into the dump", j.n, j.unit, []row{stats, report, check})
	j.goals.memory(stats.usage)
	j.goals.memory(report.usage)
	if j.data == "mixed" {
		j.goals.ratio("stats ÷ check", stats.wall, check.wall, 1.2)
		j.goals.ratio("report ÷ check", report.wall, check.wall, 1.2)
	}
	return nil
}
