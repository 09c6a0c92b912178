package stats

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/jsonfields"
)

// TestDocumented: the schema is what the documents say, in both languages, and nothing else.
func TestDocumented(t *testing.T) {
	fields := jsonfields.Of(reflect.TypeFor[Stats]())
	row := regexp.MustCompile("(?m)^\\| `([a-z_.\\[\\]]+)` \\|")
	for _, name := range []string{"../../docs/operations/statistics.md", "../../docs/zh/operations/statistics.md"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var said []string
		_, schema, _ := strings.Cut(string(text), "\n## As JSON\n")
		if schema == "" {
			_, schema, _ = strings.Cut(string(text), "\n## JSON 格式\n")
		}
		for _, m := range row.FindAllStringSubmatch(schema, -1) {
			said = append(said, m[1])
		}
		for _, field := range fields {
			if !slices.Contains(said, field) {
				t.Errorf("%s does not say what %s is", name, field)
			}
		}
		for _, field := range said {
			if !slices.Contains(fields, field) {
				t.Errorf("%s says what %s is, which no Stats has", name, field)
			}
		}
		for _, mark := range marks {
			if mark != "" && !strings.Contains(string(text), "`"+mark+"`") {
				t.Errorf("%s does not say what %s stands for", name, mark)
			}
		}
	}
}
