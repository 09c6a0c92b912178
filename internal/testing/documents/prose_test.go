package documents

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/pika2kvrocks/pika2kvrocks/internal/columns"
)

// documents returns the documents of the repository, as paths below its root.
func documents(t *testing.T) (names []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(name, ".md") {
			names = append(names, filepath.ToSlash(strings.TrimPrefix(name, root+"/")))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// prose calls f with each line of a document that is neither in a table nor in a block of code.
func prose(text string, f func(number int, line string)) {
	fenced := false
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
			continue
		}
		if !fenced && !strings.HasPrefix(line, "|") && !strings.HasPrefix(line, "    ") {
			f(i+1, line)
		}
	}
}

// TestLinesOfProse holds the width of prose; a Chinese character takes two columns.
func TestLinesOfProse(t *testing.T) {
	for _, name := range documents(t) {
		prose(readFile(t, name), func(number int, line string) {
			if n := columns.Of(line); n > maxLine && strings.Contains(strings.TrimSpace(line), " ") {
				t.Errorf("%s:%d has %d columns, more than %d", name, number, n, maxLine)
			}
		})
	}
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ +(.*)$`)
)

// TestLinksLead follows the links of the documents to files and headings of the repository.
func TestLinksLead(t *testing.T) {
	for _, name := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(readFile(t, name), -1) {
			to, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(to, ":") {
				continue // elsewhere
			}
			file := name
			if to != "" {
				file = path.Join(path.Dir(name), to)
			}
			if _, err := os.Stat(root + "/" + file); err != nil {
				t.Errorf("%s links to %s, which is not there", name, m[1])
			} else if anchor != "" && !hasHeading(readFile(t, file), anchor) {
				t.Errorf("%s links to %s, which has no such heading", name, m[1])
			}
		}
	}
}

// hasHeading reports whether GitHub gives a heading of the text this anchor.
func hasHeading(text, anchor string) bool {
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		slug := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r):
				return unicode.ToLower(r)
			}
			return -1
		}, m[1])
		if slug == anchor {
			return true
		}
	}
	return false
}

// TestMapHasEachFile: docs/MAP.md has one row for each file of code, in the section of its package.
func TestMapHasEachFile(t *testing.T) {
	rows, of := map[string]int{}, ""
	for line := range strings.Lines(readFile(t, "docs/MAP.md")) {
		if section, ok := strings.CutPrefix(line, "### "); ok {
			of, _, _ = strings.Cut(section, ":")
			of = strings.Trim(strings.TrimSpace(of), "`")
		}
		if m := regexp.MustCompile(`^\| \[(.+\.go)\]\(\.\./(.+)\) \| .{40,}\|$`).FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			if rows[m[2]]++; m[2] != of+"/"+m[1] {
				t.Errorf("docs/MAP.md has %s in the section of %s", m[2], of)
			}
		}
	}
	for _, dir := range packages(t) {
		files, err := filepath.Glob(dir + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			name := filepath.ToSlash(strings.TrimPrefix(file, root+"/"))
			if !strings.HasSuffix(name, "_test.go") && rows[name] != 1 {
				t.Errorf("docs/MAP.md has %d rows for %s, with what is decided there", rows[name], name)
			}
		}
	}
}

// TestDesignHasEachPackage: the map of docs/DESIGN.md has every package, and none that is not
// there.
func TestDesignHasEachPackage(t *testing.T) {
	const design = "docs/DESIGN.md"
	text := readFile(t, design)
	for _, dir := range packages(t) {
		files, err := filepath.Glob(dir + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.ToSlash(strings.TrimPrefix(dir, root+"/"))
		if len(files) > 0 && !strings.Contains(text, "`"+name+"`") {
			t.Errorf("%s does not say what package %s does", design, name)
		}
	}
	for _, m := range regexp.MustCompile("`((?:internal|writer|cmd)/[a-z/]+)`").FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(root + "/" + m[1]); err != nil {
			t.Errorf("%s names package %s, which is not there", design, m[1])
		}
	}
}
