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
	"strings"
	"time"
)

// An Identity is the load that a journal is of. It can be resumed only by a run with the same one.
type Identity struct {
	Dump     string            `json:"dump"`
	Address  string            `json:"address"`
	Nodes    []string          `json:"nodes,omitempty"` // of a cluster when the load began; none: a server alone
	Server   string            `json:"server"`
	Places   map[int]string    `json:"places"`   // where each database goes, without tokens
	Settings map[string]string `json:"settings"` // flags that decide what is written
	// Now is the target's time when the load began: what depends on the time is the same in all its
	// runs. It is not compared.
	Now  time.Time `json:"now"`
	Load string    `json:"load,omitempty"` // of which this is a shard; it is not compared
	Raw  bool      `json:"raw,omitempty"`  // begun by raw write batches; it is not compared
	// Accept is --accept; it is not compared.
	Accept string `json:"accept,omitempty"`
	// Saved is the dump of what the target held; empty: none, or of a build before 2026-11-29.
	Saved string `json:"saved,omitempty"`
	// After is the load that the load of a delta follows; nil: of a full dump. It is not compared.
	After *After `json:"after,omitempty"`
}

// difference tells how id, of the run at hand, differs from old; empty if it does not.
func (id *Identity) difference(old *Identity) string {
	for _, f := range []struct{ what, old, now string }{
		{"dump", old.Dump, id.Dump},
		{"target", old.target(id), id.target(id)},
		{"kind of server", old.Server, id.Server},
	} {
		if f.old != f.now {
			return fmt.Sprintf("the %s was %s, and is %s now", f.what, f.old, f.now)
		}
	}
	if moved := id.Moved(old); moved != "" {
		return moved
	}
	names := maps.Clone(old.Settings)
	maps.Copy(names, id.Settings)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if old.Settings[name] != id.Settings[name] {
			return fmt.Sprintf("%s was %q, and is %q now", name, old.Settings[name], id.Settings[name])
		}
	}
	return ""
}

// Moved tells which database has another place than by old; empty if none has.
func (id *Identity) Moved(old *Identity) string {
	// A load that began before the dump was finished names databases, too, of which it is empty.
	for _, db := range slices.Sorted(maps.Keys(old.Places)) {
		if place, ok := id.Places[db]; ok && place != old.Places[db] {
			return fmt.Sprintf("the place of database %d (--map-db) was %s, and is %s now", db, old.Places[db], place)
		}
	}
	return ""
}

// target names the target of id for a comparison with now. A cluster is the same one, whatever node
// was given as its address, as long as it still has any of the nodes that it had, with its id and
// its address.
func (id *Identity) target(now *Identity) string {
	if len(id.Nodes) == 0 {
		return id.Address
	}
	if id.SharesNode(now.Nodes) {
		id = now
	}
	return fmt.Sprintf("the cluster of %v", id.Nodes)
}

// SharesNode reports whether the target is a cluster that had one of the nodes. One that is only
// known by its address, as @host:port, may be a target that is no cluster, too.
func (id *Identity) SharesNode(nodes []string) bool {
	return slices.Contains(nodes, "@"+id.Address) || slices.ContainsFunc(id.Nodes, func(n string) bool {
		return slices.Contains(nodes, n) || slices.Contains(nodes, n[max(0, strings.LastIndexByte(n, '@')):])
	})
}

// ReadIdentity returns what the journal in a directory is of, also while a run has it locked. An
// error is an fs.ErrNotExist if there is none.
func ReadIdentity(path string) (Identity, error) {
	f, err := os.Open(filepath.Join(path, Name))
	if err != nil {
		return Identity{}, err
	}
	defer f.Close()
	first, err := bufio.NewReader(io.LimitReader(f, maxFirst)).ReadBytes('\n')
	var l line
	if err == nil {
		err = json.Unmarshal(first, &l)
	}
	if err != nil || l.Load == nil || l.Load.Version != version {
		return Identity{}, fmt.Errorf("%w: %s does not begin as a journal of version %d does", ErrDamaged, f.Name(), version)
	}
	return l.Load.Identity, nil
}

// maxFirst bounds the first line: names of thousands of databases.
const maxFirst = 8 << 20

// Check compares what the journal is of with the run at hand.
func (j *Journal) Check(id Identity) error { return id.Check(j.Bound(), j.Path()) }

// Check compares a run at hand with what a place is of.
func (id Identity) Check(old Identity, where string) error {
	if diff := id.difference(&old); diff != "" {
		return fmt.Errorf("%w: %s holds the journal of another load: %s; give what it was begun with, or another place with --state; if nothing of it is left on the target, remove that directory",
			ErrDiffers, where, diff)
	}
	return nil
}

// An After is the load that the load of a delta follows.
type After struct {
	Dump   string `json:"dump"`           // of the base, or of the delta before
	Number int    `json:"number"`         // of the delta
	Root   string `json:"root,omitempty"` // where its state is; empty: the user has said that it is loaded
	Base   string `json:"base,omitempty"` // where the base lies; empty: not known
	// Loaded is when the load of the base began: a base that was loaded anew has none of the deltas
	// that were loaded before. Zero: not known.
	Loaded time.Time `json:"loaded,omitzero"`
	// Started is when the dump of the base began, by the clock of its source: of --ttl shift.
	Started time.Time `json:"started,omitzero"`
	// Left is how much the loads of the deltas before have left out: keys and members.
	Left int64 `json:"left,omitempty"`
}

// A Next is the delta that was loaded behind a load, as far as that one knows: it was about to be.
type Next struct {
	Dump   string `json:"dump"`
	Number int    `json:"number"`
	Root   string `json:"root"`  // where its state is
	Place  string `json:"place"` // where the delta lies
}
