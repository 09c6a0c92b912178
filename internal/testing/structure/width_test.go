package structure

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// maxWidth is how long a line of a comment may be, for comments are read beside the code. A tab
// counts four.
const maxWidth = 100

func TestCommentWidth(t *testing.T) {
	err := filepath.WalkDir(filepath.Join("..", "..", ".."), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for i, line := range strings.Split(string(data), "\n") {
			text := strings.TrimLeft(line, "\t")
			width := utf8.RuneCountInString(text) + 4*(len(line)-len(text))
			if strings.HasPrefix(text, "// ") && width > maxWidth && strings.Count(text, " ") > 1 {
				t.Errorf("%s:%d: %d columns, more than %d: wrap it", path, i+1, width, maxWidth)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
