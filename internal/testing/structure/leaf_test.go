package structure

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// leaves are packages that anything may import, with how many packages of other modules each may
// need, itself and by what it imports: to be lowered, never raised.
var leaves = map[string]int{
	"format": 14, "internal/exitcode": 14, "internal/shard": 14, "internal/filter": 18,
	"internal/glob": 0, "internal/progress": 2, "internal/command": 39,
}

// TestLeaves: what anything may import stays light. A flag parser that knows the errors of an
// object store brings every cloud's library into each package that parses a flag.
func TestLeaves(t *testing.T) {
	_, all := list(t)
	for _, name := range slices.Sorted(maps.Keys(leaves)) {
		foreign, seen := 0, map[string]bool{}
		var visit func(string)
		visit = func(path string) {
			if seen[path] {
				return
			}
			seen[path] = true
			first, _, _ := strings.Cut(path, "/")
			if strings.Contains(first, ".") && !strings.HasPrefix(path, module+"/") {
				foreign++
			}
			for _, imported := range all[path].Imports {
				visit(imported)
			}
		}
		if len(all[module+"/"+name].GoFiles) == 0 {
			t.Errorf("there is no package %s", name)
		}
		visit(module + "/" + name)
		t.Logf("%-20s needs %2d packages of other modules", name, foreign)
		if foreign > leaves[name] {
			t.Errorf("%s needs %d packages of other modules, more than %d", name, foreign, leaves[name])
		}
	}
}
