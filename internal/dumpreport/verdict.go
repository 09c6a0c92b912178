package dumpreport

import "strings"

// verdicts says of the dump what matters most.
func (m *maker) verdicts(notes []note) []verdict {
	v := verdict{Level: good, ID: "know", Title: m.say("Dump"), Text: m.say("complete, %s", m.count(m.s.Keys, "key", "keys"))}
	if m.Manifest.Delta != nil {
		v.Title, v.Text = m.say("Delta"), m.say("complete, %s and %s", m.count(m.s.Keys, "key", "keys"), m.count(m.s.Deleted, "deletion", "deletions"))
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
	return []verdict{v}
}

// verdict says of a load what matters most: how it ended, and what a comparison found.
func (l *loadView) verdict() verdict {
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
