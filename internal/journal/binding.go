package journal

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// A Binding is what a journal is of. A load with another one cannot be gone on with.
type Binding struct {
	Dump     string            `json:"dump"`
	Address  string            `json:"address"`
	Nodes    []string          `json:"nodes,omitempty"` // of a cluster when the load began; none: a server alone
	Server   string            `json:"server"`
	Places   map[int]string    `json:"places"`   // where each database goes, without tokens
	Settings map[string]string `json:"settings"` // flags that decide what is written
	// Now is the target's time when the load began: what depends on the time is the same in all its
	// runs. It is not compared.
	Now  time.Time `json:"now"`
	Load string    `json:"load,omitempty"` // of which this is a share; it is not compared
}

// difference tells how b, of the run at hand, differs from old; empty if it does not.
func (b *Binding) difference(old *Binding) string {
	for _, f := range []struct{ what, old, now string }{
		{"dump", old.Dump, b.Dump},
		{"target", old.target(b), b.target(b)},
		{"kind of server", old.Server, b.Server},
	} {
		if f.old != f.now {
			return fmt.Sprintf("the %s was %s, and is %s now", f.what, f.old, f.now)
		}
	}
	// A load that began before the dump was finished names databases, too, of which it is empty.
	for _, db := range slices.Sorted(maps.Keys(old.Places)) {
		if place, ok := b.Places[db]; ok && place != old.Places[db] {
			return fmt.Sprintf("the place of database %d was %s, and is %s now", db, old.Places[db], place)
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

// target names the target of b for a comparison with now. A cluster is the same one, whatever node was given as its
// address, as long as it still has any of the nodes that it had, with its id and its address.
func (b *Binding) target(now *Binding) string {
	if len(b.Nodes) == 0 {
		return b.Address
	}
	if b.SharesNode(now.Nodes) {
		b = now
	}
	return fmt.Sprintf("the cluster of %v", b.Nodes)
}

// SharesNode reports whether the target is a cluster that had one of the nodes.
func (b *Binding) SharesNode(nodes []string) bool {
	return slices.ContainsFunc(b.Nodes, func(n string) bool { return slices.Contains(nodes, n) })
}

// ReadBinding returns what the journal in a directory is of, also while a run has it locked. An error is an
// fs.ErrNotExist if there is none.
func ReadBinding(path string) (Binding, error) {
	f, err := os.Open(filepath.Join(path, Name))
	if err != nil {
		return Binding{}, err
	}
	defer f.Close()
	first, err := bufio.NewReader(io.LimitReader(f, maxFirst)).ReadBytes('\n')
	var l line
	if err == nil {
		err = json.Unmarshal(first, &l)
	}
	if err != nil || l.Load == nil || l.Load.Version != version {
		return Binding{}, fmt.Errorf("%w: %s does not begin as a journal of version %d does", ErrDamaged, f.Name(), version)
	}
	return l.Load.Binding, nil
}

// maxFirst bounds the first line: names of thousands of databases.
const maxFirst = 8 << 20
