package dumpreport

import (
	"cmp"
	"context"
	"errors"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
)

// mostDeltas is how many deltas are shown whose loads are known: the newest.
const mostDeltas = 50

// deltaLoads returns what is known of the loads of the newest deltas, as loads does of their base.
func deltaLoads(ctx context.Context, deltas []archive.Member, states []string) (all []DeltaLoad, err error) {
	for _, d := range deltas[max(0, len(deltas)-mostDeltas):] {
		at, err := deltaStates(ctx, d, states)
		found, ferr := loadsIn(ctx, at, d.Info.Dump)
		if err = errors.Join(err, ferr); err != nil {
			return nil, err
		}
		for _, l := range found {
			all = append(all, DeltaLoad{d.Number, l})
		}
	}
	return all, nil
}

// deltaStates returns where states of loads of a delta may be.
func deltaStates(ctx context.Context, d archive.Member, states []string) (at []string, err error) {
	if len(states) == 0 {
		return loadstate.States(ctx, d.Location, d.Info.Dump)
	}
	for _, state := range states {
		below, err := loadstate.Below(ctx, state)
		if err != nil {
			return nil, err
		}
		for _, s := range append(below, state) { // into several targets, or one
			at = append(at, archive.DeltaPath(s, d.Number))
		}
	}
	return at, nil
}

// deltaLoads returns what came of the loads of deltas.
func (m *maker) deltaLoads() section {
	v := verdict{Level: good, ID: "deltas", Title: m.say("Loads of deltas")}
	s := m.sheet("Loads of deltas, the newest", "#Delta", "Target", "-@Ended", "~Took", "#Keys", "Result")
	finished, undone, targets, loads := 0, 0, min(1, len(m.Loads)), map[int]int{}
	for _, d := range m.DeltaLoads {
		ended, _ := m.ended(&d.Load)
		for _, base := range m.Loads {
			if ended.Level != good || base.Status.Identity().Address != d.Status.Identity().Address {
				continue
			}
			if t := base.undone(); t.After(d.Status.Shards[0].Journal.Finished()) {
				ended = note{Level: warn, Title: m.say("Undone on %s", moment(t))}
			} else if base.undoing() { // the target is being cleared
				ended, _ = m.ended(&base)
			}
		}
		at, lasted, result := "–", "–", ended.Title
		if ended.Level == good {
			at, lasted, result = moment(d.Status.Shards[0].Journal.Finished()), took(d.Status.Took()), m.say("finished")
			if finished++; d.Status.Unsure() != "" {
				ended.Level, result = warn, m.say("It is not known whether the target kept all of it")
			}
		} else if ended.Level == warn {
			undone++
		}
		loads[d.Number]++
		if targets = max(targets, loads[d.Number]); v.Level == good || ended.Level == bad {
			v.Level = ended.Level
		}
		b := d.Status.Identity()
		s.add(int64(d.Number), report.ServerName(cmp.Or(b.Server, "kvrocks"))+" "+b.Address, at, lasted, d.Status.Stats().Keys, result)
	}
	all := targets * min(m.Deltas, mostDeltas)
	if v.Text = m.say("%s of %s finished", progress.Count(int64(finished)), progress.Count(int64(all))); finished < all && v.Level == good {
		v.Level = warn
	}
	if undone > 0 {
		v.Text += m.say(", %s undone", progress.Count(int64(undone)))
	}
	return section{ID: v.ID, Title: v.Title, Verdict: v, Tables: []*sheet{s}}
}
