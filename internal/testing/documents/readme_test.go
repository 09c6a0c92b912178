package documents

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
)

func readFile(t *testing.T, name string) string {
	text, err := os.ReadFile(root + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestReadmesSayExitCodesAndPasswords(t *testing.T) {
	s, number := read(t), regexp.MustCompile(`\d+`)
	for _, name := range []string{"README.md", "README.zh-CN.md"} {
		text := readFile(t, name)
		var listed []string
		for line := range strings.Lines(text) {
			if cells := strings.Split(line, "|"); len(cells) == 4 {
				listed = append(listed, number.FindAllString(cells[1], -1)...)
			}
		}
		for code := range s.lists[codes] {
			if !slices.Contains(listed, code) {
				t.Errorf("%s: its table of exit codes lacks %s", name, code)
			}
		}
		for _, want := range []string{"REDISCLI_AUTH", "--password-file", "--askpass", "`ps`", "TROUBLESHOOTING.md"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not say %s", name, want)
			}
		}
	}
}

// TestSkipReasonsAreExplained: pikadump dump and kvload inspect say what each means.
func TestSkipReasonsAreExplained(t *testing.T) {
	reasons := read(t).lists[skipReasons]
	for reason, at := range reasons {
		if report.Reasons[reason] == "" {
			t.Errorf("%s: report.Reasons does not say what %q means", at, reason)
		}
	}
	if len(report.Reasons) != len(reasons) {
		t.Errorf("report.Reasons explains %d reasons, the reader has %d", len(report.Reasons), len(reasons))
	}
}
