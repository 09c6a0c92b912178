package main

import (
	"context"
	"path/filepath"
)

// inside times what reads the last dump through: stats and report beside check.
func (j *job) inside(ctx context.Context) error {
	page := filepath.Join(j.dir, "report.html")
	stats, report, check := row{name: "kvload stats"}, row{name: "kvload report"}, row{name: "kvload check"}
	for range j.rounds {
		for _, c := range []struct {
			to   *row
			args []string
		}{
			{&check, []string{"check", "--quiet", j.dump}},
			{&stats, []string{"stats", "--quiet", j.dump}},
			{&report, []string{"report", "--quiet", j.dump, "--out", page}},
		} {
			u, _, err := measure(ctx, nil, filepath.Join(j.bin, "kvload"), c.args...)
			if err != nil {
				return err
			}
			c.to.keepBest(u)
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
