package dumpreport

import (
	"slices"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
)

// verified says what the newest comparison found, or those of all shards together.
func (m *maker) verified(l *Load) note {
	v, shards := newest(l)
	switch {
	case len(l.Verifications) == 0:
		return note{Level: warn, Title: m.say("Not verified"), Text: []string{m.say("No comparison of the target with the dump is kept beside the journal. Run kvload verify.")}}
	case v == nil:
		return note{Level: warn, Title: m.say("Not verified since it was finished"), Text: []string{m.say("The comparisons are of before. Run kvload verify.")}}
	}
	n := note{Level: good, Title: m.say("Verified on %s: equal", moment(v.Ended)), Text: []string{m.say("Compared %s, in %s.", m.count(v.Keys, "key", "keys"), took(v.Ended.Sub(v.Began)))}}
	switch {
	case !v.Equal:
		n.Level, n.Title = bad, m.say("Verified on %s: not equal, in %s", moment(v.Ended), m.count(v.Differing+v.Extra, "key", "keys"))
	case v.Sampled:
		n.Level, n.Title = warn, m.say("Verified on %s: a sample is equal", moment(v.Ended))
	case shards != nil && len(shards) < len(l.Status.Shards):
		n.Level, n.Title = warn, m.say("Verified on %s: some of the shards are equal", moment(v.Ended))
	}
	if v.KeysOnly {
		n.Text = append(n.Text, m.say("Only types, lengths and expiries were compared."))
	}
	if shards != nil {
		n.Text = append(n.Text, m.say("Compared were shards %s.", strings.Join(shards, ", ")))
	}
	if v.Reverse {
		n.Text = append(n.Text, m.say("Keys that only the target has: %s.", progress.Count(v.Extra)))
	}
	n.Table = m.differences(v)
	return n
}

func (m *maker) differences(v *loadstate.Verification) *sheet {
	if len(v.Differences) == 0 {
		return nil
	}
	s := m.sheet("", "Difference", "#Keys", "Meaning", "-Judged as")
	for _, d := range v.Differences {
		judged := m.say("a difference")
		if d.Explained {
			judged = m.say("explained: no difference")
		}
		s.add(d.Kind, d.Keys, m.meaning(report.Differences, d.Kind), judged)
	}
	return s
}

// newest returns the newest comparison that began after the load was finished, or those of shards
// summed up, and which these are; nil: there is none.
func newest(l *Load) (v *loadstate.Verification, shards []string) {
	for _, c := range slices.Backward(l.Verifications) {
		switch {
		case c.Began.Before(l.last((*journal.Journal).Finished, c.Shard)) || slices.Contains(shards, c.Shard):
		case c.Shard == "" && v == nil:
			return &c, nil
		case c.Shard == "": // of all, before that of shards
		case v == nil:
			v, shards = &c, []string{c.Shard}
		default:
			join(v, &c)
			shards = append(shards, c.Shard)
		}
	}
	slices.Sort(shards)
	return v, shards
}

// last returns the last such time that the journals of a shard, or of all of a load, tell.
func (l *Load) last(of func(*journal.Journal) time.Time, shard string) (at time.Time) {
	for _, p := range l.Status.Shards {
		if t := of(p.Journal); t.After(at) && (shard == "" || shard == p.String()) {
			at = t
		}
	}
	return at
}

// join adds what a comparison of another shard found.
func join(v, o *loadstate.Verification) {
	if o.Began.Before(v.Began) {
		v.Began = o.Began
	}
	if o.Ended.After(v.Ended) {
		v.Ended = o.Ended
	}
	v.KeysOnly, v.Reverse = v.KeysOnly || o.KeysOnly, v.Reverse && o.Reverse
	v.Comparison = *v.Comparison.With(&o.Comparison)
}

func (m *maker) comparisons(l *Load) *sheet {
	s := m.sheet("Comparisons", "@Ended", "~Took", "~Keys", "#Differing", "#Extra", "Result")
	for _, v := range l.Verifications {
		result := m.say("equal")
		switch {
		case !v.Equal:
			result = m.say("not equal")
		case v.Sampled:
			result = m.say("a sample is equal")
		}
		only := "–"
		if v.Reverse {
			only = progress.Count(v.Extra)
		}
		s.add(moment(v.Ended), took(v.Ended.Sub(v.Began)), v.Keys, v.Differing, only, result)
	}
	return s
}
