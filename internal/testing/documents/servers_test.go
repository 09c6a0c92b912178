package documents

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const servers = "docs/SERVERS.md"

// TestServersHasEachSectionOnce looks at the numbers of SERVERS.md, and at those that the code and
// the documents cite.
func TestServersHasEachSectionOnce(t *testing.T) {
	sections := map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)^#+ ([PK]\d+)\b`).FindAllStringSubmatch(readFile(t, servers), -1) {
		if sections[m[1]]++; sections[m[1]] > 1 {
			t.Errorf("%s has section %s twice", servers, m[1])
		}
	}
	cited := regexp.MustCompile(`SERVERS\.md,? ([PK]\d+)|\(([PK]\d+)\)`)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, ".md") {
			return err
		}
		for _, m := range cited.FindAllStringSubmatch(readFile(t, strings.TrimPrefix(path, root+"/")), -1) {
			if number := m[1] + m[2]; sections[number] == 0 {
				t.Errorf("%s cites %s of %s, which is not there", path, number, servers)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
