package journal

import (
	"fmt"
	"maps"
	"slices"
)

// A Binding is what a journal is of. A load with another one cannot be gone on with.
type Binding struct {
	Dump     string            `json:"dump"`
	Address  string            `json:"address"`
	Server   string            `json:"server"`
	Places   map[int]string    `json:"places"`   // where each database goes, without tokens
	Settings map[string]string `json:"settings"` // flags that decide what is written
}

// difference tells how b, of the run at hand, differs from old; empty if it does not.
func (b *Binding) difference(old *Binding) string {
	for _, f := range []struct{ what, old, now string }{
		{"dump", old.Dump, b.Dump},
		{"target's address", old.Address, b.Address},
		{"kind of server", old.Server, b.Server},
		{"place of the databases", fmt.Sprint(old.Places), fmt.Sprint(b.Places)},
	} {
		if f.old != f.now {
			return fmt.Sprintf("the %s was %s, and is %s now", f.what, f.old, f.now)
		}
	}
	names := maps.Clone(old.Settings)
	maps.Copy(names, b.Settings)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if old.Settings[name] != b.Settings[name] {
			return fmt.Sprintf("%s was %q, and is %q now", name, old.Settings[name], b.Settings[name])
		}
	}
	return ""
}
