package dumpreport

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/columns"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
)

// mostNamed is how many names of conflicts are shown, and mostExamples of keys skipped for a
// reason.
const (
	mostNamed    = 5
	mostExamples = 3
	mostExample  = 48 // columns of such a name
)

// Notes returns what to know of a dump.
func (m *maker) Notes() (all []note) {
	all = append(all, m.consistency())
	if m.Encrypted {
		all = append(all, note{Level: warn, Title: m.say("The dump is encrypted, and this page is not"), Text: []string{m.say("It names keys in clear. Keep it where they may be known.")}})
	}
	if m.Deltas > 0 {
		all = append(all, note{Title: m.say("The dump with deltas up to number %s", progress.Count(int64(m.Deltas))), Text: []string{
			m.say("Shown is what both amount to. The last delta is %s, of %s. What is said of consistency, and which keys were skipped, is of the dump alone.", m.s.Last, moment(m.Until))}})
	}
	if d := m.Manifest.Delta; d != nil {
		all = append(all, note{Level: warn, Title: m.say("This is a delta"), Text: []string{m.say("It has what changed after dump %s, and means something only together with its base, dump %s.", d.After, d.Base)}})
	}
	for _, line := range m.partial(m.Manifest.Options) {
		all = append(all, note{Level: warn, Title: line, Text: []string{m.say("It is not the whole source, and no archive of it.")}})
	}
	all = append(all, m.skipped(), m.conflicts())
	keys := func(level string, n int64, title, text string) {
		if n > 0 {
			all = append(all, note{Level: level, Title: m.say(title, progress.Count(n)), Text: []string{m.say(text)}})
		}
	}
	for _, k := range m.groups(typeOf) {
		if k.name == format.HyperLogLog.String() {
			keys(warn, k.Keys, "HyperLogLogs: %s", "Only Pika knows their encoding. A load leaves them out and lists them; --hyperloglog string loads their bytes.")
		}
	}
	if n := len(m.groups(databaseOf)); n > 1 {
		keys("", int64(n), "Databases: %s", "Kvrocks has namespaces instead: a load needs --map-db.")
	}
	keys("", m.s.TTLs[0].Keys, "Keys that had expired when the dump ended: %s", "They are in the dump. A load does not write them.")
	keys("", m.Manifest.Expired, "Keys that expired while they were read: %s", "They are not in the dump. Nothing is lost.")
	large := m.s.Sizes[len(m.s.Sizes)-1].Keys
	keys(warn, large, "Keys of 16 MiB and more: %s", "A load takes them in pieces. On any server, commands that read them as a whole hold up others.")
	long := m.s.Lengths[len(m.s.Lengths)-1].Keys
	keys(warn, long, "Collections of more than a million elements: %s", "A load takes them in pieces. On any server, commands that read them as a whole hold up others.")
	return all
}

func (m *maker) consistency() note {
	c := m.Manifest.Consistency
	n := note{Level: warn, Title: m.say("Consistency: %s", m.say(c.Statement)), Text: []string{m.reason(c.Reason)}}
	if c.Statement == format.NoWrites {
		n.Level = good
	} else {
		n.Text = append(n.Text, m.say("Each key is as it was at some moment of the dump."))
	}
	return n
}

// partial is report.Partial in the language of the page.
func (m *maker) partial(o format.Options) (lines []string) {
	if o.Match != "" {
		lines = append(lines, m.say("Only keys that match %q", o.Match))
	}
	if o.Sample != 0 {
		lines = append(lines, m.say("A trial: a sample of %g %% of the keys", 100*o.Sample))
	}
	if o.LimitKeys != 0 {
		lines = append(lines, m.say("A trial: at most %s of each database and type", m.count(o.LimitKeys, "key", "keys")))
	}
	types := m.Manifest.Options.Types
	if n := len(types); n < len(format.Types) && (n < len(format.Types)-1 || slices.Contains(types, format.TypeStream) || hasStreams(&m.Manifest.Source)) {
		lines = append(lines, m.say("Only keys of these types: %s", joined(types)))
	}
	return lines
}

func joined(types []format.Type) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(types), " ", ", "), "[]")
}

// hasStreams reports whether a source may have streams, as all but a Pika before 3.5.3.
func hasStreams(s *format.Source) bool {
	var v [3]int
	n, _ := fmt.Sscanf(s.Version, "%d.%d.%d", &v[0], &v[1], &v[2])
	return s.Server != "pika" || n < len(v) || slices.Compare(v[:], []int{3, 5, 3}) >= 0
}

func (m *maker) skipped() note {
	if len(m.Manifest.Skipped) == 0 {
		return note{Level: good, Title: m.say("No key was skipped")}
	}
	n := note{Title: m.say("Keys that were skipped"), Text: []string{m.say("They were listed by the source, and are not in the dump, or lack a part or their expiry. skipped.jsonl names them.")}}
	n.Table = m.sheet("", "Reason", "#Keys", "Meaning", "-=Such as")
	for _, r := range m.Manifest.Skipped {
		if r.Reason != "expired" && r.Reason != "internal" { // by which nothing is lost
			n.Level = warn
		}
		var such []string
		for _, k := range m.Skipped {
			if k.Reason == r.Reason && len(such) < mostExamples {
				such = append(such, columns.Middle(k.Name, mostExample))
			}
		}
		n.Table.add(r.Reason, r.Keys, m.meaning(report.Reasons, r.Reason), strings.Join(such, " "))
	}
	return n
}

func (m *maker) conflicts() note {
	if m.Manifest.Conflicts == 0 {
		return note{Level: good, Title: m.say("No name exists under several types")}
	}
	n := note{Level: warn, Title: m.say("Names that exist under several types: %s", progress.Count(m.Manifest.Conflicts)),
		Text: []string{m.say("Kvrocks has one type per name. --on-conflict says which one a load takes. conflicts.jsonl names all; the first are:")}}
	n.Table = m.sheet("", "=Name", "Database", "Types")
	for _, c := range m.Conflicts[:min(mostNamed, len(m.Conflicts))] {
		n.Table.add(columns.Middle(c.Name, mostName), fmt.Sprint("db", c.DB), joined(c.Types))
	}
	return n
}

// Verdict says of the dump what matters most.
func (m *maker) Verdict(notes []note) verdict {
	v := verdict{Level: good, ID: "know", Title: m.say("Dump"), Text: m.say("complete, %s", m.count(m.s.Keys, "key", "keys"))}
	if m.Manifest.Delta != nil {
		v.Title = m.say("Delta")
	}
	warnings := int64(0)
	for _, n := range notes {
		if n.Level == warn || n.Level == bad {
			v.Level = warn
			warnings++
		}
	}
	if warnings > 0 {
		v.Text = m.say("%s; to look at: %s", v.Text, m.count(warnings, "note", "notes"))
	}
	return v
}

// verdict says of a load what matters most: how it ended, and what a comparison found.
func (l *section) verdict() verdict {
	v := verdict{Level: good, ID: l.ID, Title: l.Title}
	var titles []string
	for i, n := range l.Notes {
		if i > 0 && l.Notes[0].Level == bad && n.Level != bad { // it is not finished: what is good so far says little
			continue
		}
		if n.Level == bad || n.Level == warn && v.Level == good {
			v.Level = n.Level
		}
		titles = append(titles, n.Title)
	}
	v.Text = strings.Join(titles, " · ")
	return v
}
