// Command bench times pikadump and kvload against what else does the job on the same machine in the
// same run, and prints a table of ratios. Its comparisons are processes of their own, this program
// in other roles, so that the kernel tells the CPU seconds and the peak memory of each alike.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
)

// roles are what a process of this program does when its first argument says so. Each
// takes the rest of the arguments.
var roles = map[string]func(ctx context.Context, args []string) error{
	"data":  writeData,
	"sim":   simulate,
	"naive": naive,
	"floor": replay,
	"pipe":  pipe,
	"write": write,
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := func() error {
		if len(os.Args) > 1 {
			if role := roles[os.Args[1]]; role != nil {
				return role(ctx, os.Args[2:])
			}
		}
		o, err := parse()
		if err != nil {
			return err
		}
		return run(ctx, o)
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options of the whole run.
type options struct {
	bin     string   // directory of pikadump and kvload
	keys    []int    // of the mixed data, once for each; the other data follows the largest of 1 million
	data    []string // names of data sets
	pikas   []string // addresses of real ones, which lose their data
	kvrocks []string // likewise
	half    string   // dump, load, follow, goals, or all but follow
	rate    int      // of follow: keys that are written in a second,
	seconds int      // for so long
	goals   *goals
}

// parse reads the variables of the environment that docs/PERFORMANCE.md names.
func parse() (*options, error) {
	o := options{goals: &goals{}, half: env("BENCH_HALF", "all")}
	flag.StringVar(&o.bin, "bin", "bin", "directory of pikadump and kvload")
	flag.Parse()
	keys, data := env("BENCH_KEYS", "1000000"), env("BENCH_DATA", "mixed,strings,large,hash")
	for _, s := range strings.Split(keys, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1000 || n > 100_000_000 {
			return nil, fmt.Errorf("BENCH_KEYS=%s: numbers from 1000 on, separated by commas", keys)
		}
		o.keys = append(o.keys, n)
	}
	o.data = strings.Split(data, ",")
	for _, d := range o.data {
		if dataSets[d].make == nil {
			return nil, fmt.Errorf("BENCH_DATA=%s: there are mixed, strings, large and hash", d)
		}
	}
	if !slices.Contains([]string{"all", "dump", "load", "follow", "goals"}, o.half) {
		return nil, fmt.Errorf("BENCH_HALF=%s: it is dump, load, follow, goals or all", o.half)
	}
	writes := env("BENCH_WRITES", "20000x120")
	if _, err := fmt.Sscanf(writes, "%dx%d", &o.rate, &o.seconds); err != nil || o.rate < 100 || o.seconds < 1 {
		return nil, fmt.Errorf("BENCH_WRITES=%s: such as 20000x120", writes)
	}
	isComma := func(r rune) bool { return r == ',' }
	o.pikas = strings.FieldsFunc(os.Getenv("PIKA_ADDR"), isComma)
	o.kvrocks = strings.FieldsFunc(os.Getenv("KVROCKS_ADDR"), isComma)
	return &o, nil
}

func env(name, def string) string { return cmp.Or(os.Getenv(name), def) }
