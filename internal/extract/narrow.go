package extract

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/filter"
)

// narrowed returns the options of a part: what the dump holds, and the filter chooses.
func narrowed(m *format.Manifest, f *filter.Filter) (format.Options, error) {
	o := m.Options
	o.Databases = slices.DeleteFunc(slices.Clone(o.Databases), func(db int) bool { return !f.DB(db) })
	o.Types = slices.DeleteFunc(slices.Clone(o.Types), func(t format.Type) bool { return !f.Type(t) })
	switch {
	case len(o.Databases) == 0 || len(o.Types) == 0:
		return o, fmt.Errorf("%w: --db and --type choose nothing of the dump, which has databases %v and types %v", exitcode.ErrRefused, m.Options.Databases, m.Options.Types)
	case f.Match == "" || f.Match == o.Match:
		return o, nil
	case o.LimitKeys > 0:
		return o, fmt.Errorf("%w: the dump is a trial with --limit-keys, so it lacks keys that --match chooses, and the part could not say which", exitcode.ErrRefused)
	case o.Match != "" && !contains(o.Match, f.Match):
		return o, fmt.Errorf("%w: the dump holds only keys that match %q, and a dump can state one pattern: choose with --match among these, as in --match %q", exitcode.ErrRefused, o.Match, o.Match)
	}
	o.Match = f.Match
	return o, nil
}

// contains reports whether it is certain that a pattern matches all keys that another one does: if
// it is the beginning of names and a star.
func contains(pattern, other string) bool {
	var all, part filter.Filter
	if all.SetMatch(pattern) != nil || part.SetMatch(other) != nil {
		return false
	}
	begin := all.Prefix()
	return pattern == literal(begin)+"*" && bytes.HasPrefix(part.Prefix(), begin)
}

// literal returns the pattern that matches one text.
func literal(text []byte) string {
	var p []byte
	for _, c := range text {
		if bytes.IndexByte([]byte(`*?[\`), c) >= 0 {
			p = append(p, '\\')
		}
		p = append(p, c)
	}
	return string(p)
}
