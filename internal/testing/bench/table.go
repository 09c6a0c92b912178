package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// A row is one way to do a job, and the median of its runs.
type row struct {
	name string
	usage
	runs []usage
	n    int // connections, of pipes
}

// add takes a run, unless it failed.
func (r *row) add(u usage, err error) error {
	if err != nil {
		return err
	}
	r.runs = append(r.runs, u)
	slices.SortFunc(r.runs, func(a, b usage) int { return cmp.Compare(a.wall, b.wall) })
	r.usage = r.runs[(len(r.runs)-1)/2]
	return nil
}

// printTable prints how the first row, which is ours, compares with the others.
func printTable(title string, n int, unit string, rows []row) {
	fmt.Printf("\n**%s**\n\n", title)
	fmt.Printf("| | wall s | ours ÷ this | CPU s | CPU s per million %s | peak MiB |\n|---|---|---|---|---|---|\n", unit)
	for i, r := range rows {
		if r.wall == 0 {
			continue // it was not run
		}
		ratio := "1"
		if i > 0 {
			ratio = fmt.Sprintf("%.2f", float64(rows[0].wall)/float64(r.wall))
		}
		fmt.Printf("| %s | %s | %s | %s | %.2f | %d |\n", r.name, seconds(r.wall), ratio, seconds(r.cpu), r.cpu.Seconds()*1e6/float64(n), r.peak>>20)
	}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f", d.Seconds()) }

// goals are what the figures of a run should be at most.
type goals struct {
	rows []goal
	peak int64 // bytes, of all runs of ours
}

type goal struct {
	name      string
	got, most float64
}

func (g *goals) add(name string, got, most float64) { g.rows = append(g.rows, goal{name, got, most}) }

func (g *goals) ratio(name string, ours, other time.Duration, most float64) {
	g.add(name, float64(ours)/float64(other), most)
}

// memory takes the peak of a run of ours.
func (g *goals) memory(u usage) { g.peak = max(g.peak, u.peak) }

// print prints how far each is reached.
func (g *goals) print() {
	g.add("peak MiB of any of ours", float64(g.peak>>20), 128)
	fmt.Printf("\n### To reach\n\n| | is | at most | |\n|---|---|---|---|\n")
	for _, r := range g.rows {
		verdict := "yes"
		if r.got > r.most {
			verdict = "**no**"
		}
		fmt.Printf("| %s | %.2f | %.2f | %s |\n", r.name, r.got, r.most, verdict)
	}
}
