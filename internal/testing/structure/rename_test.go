package structure

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRename: after a power cut a name that nobody synced may be the old one, or none; the one of
// storage.Rename is synced.
func TestRename(t *testing.T) {
	ours, _ := list(t)
	for _, p := range ours {
		name := strings.TrimPrefix(p.ImportPath, module)
		if name == "/internal/storage" || strings.HasPrefix(name, "/internal/testing/") {
			continue
		}
		for _, file := range p.GoFiles {
			data, err := os.ReadFile(filepath.Join(p.Dir, file))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(data), "os.Rename(") {
				t.Errorf("%s/%s renames without storage.Rename", name, file)
			}
		}
	}
}
