package summary

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// Below notes which databases hold keys of a dump, or of one that a delta follows.
func (s *Summary) Below(m *format.Manifest) {
	for _, t := range m.Totals {
		if t.Keys+t.Deleted > 0 && !slices.Contains(s.databases, t.DB) {
			s.databases = append(s.databases, t.DB)
		}
	}
}

// LoadFlags returns what a load of the dump has to be told: where its databases go; of deltas,
// their base; of a full one, which type counts of a name that has several; what opens an encrypted
// one. What is to be chosen, or is not known, is in capitals.
func (s *Summary) LoadFlags(base string) (flags []string) {
	if s.isDelta || s.Chain != nil {
		flags = append(flags, "--base", cmp.Or(base, "BASE"))
	}
	if len(s.databases) > 1 {
		slices.Sort(s.databases)
		places := []string{fmt.Sprintf("%d=default", s.databases[0])}
		for _, db := range s.databases[1:] {
			places = append(places, fmt.Sprintf("%d=TOKEN%d", db, db))
		}
		flags = append(flags, "--map-db", strings.Join(places, ","))
	}
	if s.manyTypes {
		flags = append(flags, "--on-conflict", "CHOICE")
	}
	if s.Sealed {
		flags = append(flags, "--identity", "KEYFILE")
	}
	return flags
}
