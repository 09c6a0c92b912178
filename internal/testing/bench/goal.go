package main

import (
	"fmt"
	"time"
)

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
