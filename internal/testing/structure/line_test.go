package structure

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mostLines is how many lines of Go without tests there may be below a directory. It is lowered
// whenever lines are won and raised only by a new capability, in the commit that brings it. The
// commands are flags, wiring and exit codes; engines are packages of internal.
var mostLines = map[string]int{
	"": 76_200, "cmd/kvload": 1_540, "cmd/pikadump": 800,
}

func TestLines(t *testing.T) {
	ours, _ := list(t)
	for _, dir := range slices.Sorted(maps.Keys(mostLines)) {
		lines := 0
		for _, p := range ours {
			if name := strings.TrimPrefix(p.ImportPath, module); !strings.HasPrefix(name+"/", "/"+dir) {
				continue
			}
			for _, file := range p.GoFiles {
				data, err := os.ReadFile(filepath.Join(p.Dir, file))
				if err != nil {
					t.Fatal(err)
				}
				lines += bytes.Count(data, []byte{'\n'})
			}
		}
		t.Logf("%-12s %6d lines without tests", dir, lines)
		if lines > mostLines[dir] {
			t.Errorf("%s has %d lines without tests, more than %d", dir, lines, mostLines[dir])
		}
	}
}
