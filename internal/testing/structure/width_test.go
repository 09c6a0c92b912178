package structure

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// Comments are read beside the code, so their lines are not longer than a screen: a tab counts
// four.
const (
	maxWidth = 100
	// mostWide is how many lines of comments were longer at last: to be lowered, never raised.
	mostWide = 145
)

func TestCommentWidth(t *testing.T) {
	wide := 0
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
				wide++
				t.Logf("%s:%d: %d columns", path, i+1, width)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if wide > mostWide {
		t.Errorf("%d lines of comments have more than %d columns, where %d were allowed: wrap them", wide, maxWidth, mostWide)
	}
}
