package dumpreport

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
)

// A section is what came of a load, or of those of deltas, in words.
type section struct {
	ID, Title string
	Verdict   verdict
	Notes     []note
	Curve     *pair[curve]
	Tables    []*sheet
}

func (m *maker) load(l *Load, id string) section {
	b := l.Status.Identity()
	v := section{ID: id, Title: m.say("Load into %s at %s", report.ServerName(cmp.Or(b.Server, "kvrocks")), b.Address)}
	ended, undone := m.ended(l)
	v.Notes = []note{ended}
	if !undone {
		v.Notes = append(v.Notes, m.leftOut(l), m.verified(l))
	}
	v.Verdict = v.verdict()
	if why := l.Status.Unsure(); why != "" && !undone {
		v.Notes = append(v.Notes, note{Level: warn, Title: m.say("It is not known whether the target kept all of it"), Text: []string{why}})
	}
	var all []journal.History
	for _, p := range l.Status.Shards {
		all = append(all, p.Journal.History())
	}
	v.Tables = []*sheet{m.runs(l)}
	if p := newPace(all); p != nil {
		v.Curve = m.curve(p)
		v.Tables = append(v.Tables, m.paces(p))
	} else if l.Status.Stats().Keys > 0 && !slices.ContainsFunc(all, func(h journal.History) bool { return len(h.Moments) > 0 }) {
		v.Notes = append(v.Notes, note{Title: m.say("The speed over time is not known: the journal does not tell it")})
	}
	v.Tables = append(v.Tables, m.flags(l, b))
	if len(l.Verifications) > 0 {
		v.Tables = append(v.Tables, m.comparisons(l))
	}
	return v
}

// ended says how a load ended, and whether it was undone.
func (m *maker) ended(l *Load) (n note, undone bool) {
	s := l.Status.Stats()
	what := m.say("%s with %s, %s", m.count(s.Keys, "key", "keys"), m.count(s.Elements, "element", "elements"), progress.Bytes(s.Bytes))
	kept := int64(0)
	for _, p := range l.Status.Shards {
		kept += p.Journal.Kept()
	}
	end := l.undone()
	switch {
	case !end.IsZero():
		text := m.say("Nothing of it is left on the target.")
		if kept > 0 {
			text = m.say("Left on the target, as others had changed them: %s.", m.count(kept, "key", "keys"))
		}
		return note{Level: warn, Title: m.say("Undone on %s", moment(end)), Text: []string{text}}, true
	case l.undoing():
		return note{Level: bad, Title: m.say("It is being undone: run kvload rollback to its end")}, true
	}
	if l.Status.Complete() != nil {
		return note{Level: bad, Title: m.say("Not finished"), Text: []string{m.say("So far %s.", what), m.toDo(l)}}, false
	}
	return note{Level: good, Title: m.say("Finished in %s", took(l.Status.Took())), Text: []string{m.say("Loaded %s.", what)}}, false
}

// undoing reports whether a rollback of the load has begun and has not ended.
func (l *Load) undoing() bool {
	return slices.ContainsFunc(l.Status.Shards, func(p loadstate.ShardStatus) bool { return p.Journal.IsUndoing() })
}

// undone returns when the load was undone; zero: it was not.
func (l *Load) undone() time.Time { return l.last((*journal.Journal).Undone, "") }

func (m *maker) toDo(l *Load) string {
	var lacking []string
	for _, p := range l.Status.Shards {
		if p.Journal.Finished().IsZero() && !p.IsAll() {
			lacking = append(lacking, p.String())
		}
	}
	if lacking == nil {
		return m.say("Resume it: kvload load --resume, with the flags that it was begun with.")
	}
	return m.say("Shards that are not done: %s. Resume each: kvload load --shard I/N --resume, with the flags that it was begun with.", strings.Join(lacking, ", "))
}

func (m *maker) leftOut(l *Load) note {
	s := l.Status.Stats()
	n := note{Table: m.sheet("", "Reason", "#Keys", "Meaning")}
	add := func(reason string, keys int64) {
		if keys > 0 {
			n.Table.add(reason, keys, m.meaning(report.LoadReasons, reason))
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(s.LeftOut)) {
		add(reason, s.LeftOut[reason])
	}
	lost := len(n.Table.Rows)
	add("expired", s.Expired)
	add("short", s.Short)
	switch {
	case len(n.Table.Rows) == 0:
		return note{Level: good, Title: m.say("Nothing was left out")}
	case lost == 0:
		n.Title = m.say("Left out: only what had expired, or was about to")
	default:
		n.Level, n.Title = warn, m.say("Keys that were left out")
		n.Text = []string{m.say("The report beside the journal names them.")}
	}
	return n
}

// mostRuns is how many runs are shown: the newest.
const mostRuns = 50

// runs is the table of the runs of a load.
func (m *maker) runs(l *Load) *sheet {
	s := m.sheet("Runs", "@Began", "-@Ended", "#Took", "#Retries", "Shard")
	if l.Status.Shards[0].IsAll() {
		s.Head = s.Head[:len(s.Head)-1]
	}
	for _, p := range l.Status.Shards {
		spans := p.Journal.History().Spans
		for i, span := range spans {
			ended, lasted, retries := m.say("killed"), m.say("killed"), "–"
			switch {
			case span.Ended.IsZero() && i == len(spans)-1:
				ended = m.say("killed, or at work")
			case !span.Ended.IsZero():
				ended, lasted, retries = moment(span.Ended), took(span.Ended.Sub(span.Began)), progress.Count(span.Retries)
			}
			s.add([]any{moment(span.Began), ended, lasted, retries, p.String()}[:len(s.Head)]...)
		}
	}
	s.Rows = s.Rows[max(0, len(s.Rows)-mostRuns):]
	return s
}

const mostPaces = 12

func (m *maker) paces(p *pace) *sheet {
	s := m.sheet("Speed over time", "Up to", "#Keys", "#Keys per second", "~Bytes per second")
	each := (len(p.keys) + mostPaces - 1) / mostPaces
	for i := 0; i < len(p.keys); i += each {
		end := min(i+each, len(p.keys))
		keys, bytes := 0.0, 0.0
		for j := i; j < end; j++ {
			keys, bytes = keys+p.keys[j], bytes+p.bytes[j]
		}
		n := float64(end - i)
		s.add(p.moment(end), p.done[end-1], int64(keys/n), progress.Bytes(int64(bytes/n)))
	}
	return s
}

// flags is the table of what the load was begun with.
func (m *maker) flags(l *Load, b *journal.Identity) *sheet {
	s := m.sheet("What it was begun with", "=Flag", "=Value")
	add := func(flag, value string) {
		if value != "" {
			s.add(flag, value)
		}
	}
	for _, db := range slices.Sorted(maps.Keys(b.Places)) {
		place := b.Places[db]
		switch name, number, told := strings.Cut(place, "/"); {
		case name == "__namespace":
			place = m.say("the default namespace")
		case name != "" && told:
			place = "namespace " + name
		case told:
			place = "db" + number
		}
		add(fmt.Sprint("db", db), place)
	}
	for _, flag := range slices.Sorted(maps.Keys(b.Settings)) {
		if value := b.Settings[flag]; value != `""` && value != "[]" {
			if flag == "--db" {
				value = strings.ReplaceAll(strings.Trim(value, "[]"), " ", ",")
			}
			add(flag, value)
		}
	}
	if b.Raw {
		add("--method", "raw")
	}
	add("--accept", b.Accept)
	add(m.say("nodes"), strings.Join(b.Nodes, " "))
	add(m.say("journal"), l.Place)
	return s
}
