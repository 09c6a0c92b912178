package documents

import (
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
)

// chinese returns the documents that have, or must have, a Chinese version, with its name.
func chinese(t *testing.T) map[string]string {
	t.Helper()
	pairs := map[string]string{"README.md": "README.zh-CN.md"}
	for _, name := range documents(t) {
		if rest, ok := strings.CutPrefix(name, "docs/zh/"); ok {
			pairs["docs/"+rest] = name
		} else if name == page || path.Dir(name) == "docs/operations" {
			pairs[name] = "docs/zh/" + strings.TrimPrefix(name, "docs/")
		}
	}
	return pairs
}

// TestLanguagesSayTheSame compares what can be typed, and what counts, in both languages. Whoever
// changes a document in one of them alone is told which section of the other to look at.
func TestLanguagesSayTheSame(t *testing.T) {
	names := documents(t)
	for english, chinese := range chinese(t) {
		for _, name := range []string{english, chinese} {
			if !slices.Contains(names, name) {
				t.Fatalf("there is no %s", name)
			}
		}
		en, zh := sections(readFile(t, english)), sections(readFile(t, chinese))
		if len(en) != len(zh) {
			t.Errorf("%s and %s have other sections:\n%s\n%s", english, chinese, titles(en), titles(zh))
			continue
		}
		for i := range en {
			lacks := func(name string, s *section, than string, other *section) {
				said := s.said()
				for _, x := range slices.Sorted(maps.Keys(other.said())) {
					if !said[x] {
						t.Errorf("%s, %q lacks what stands in %s: %s", name, s.title, than, x)
					}
				}
			}
			lacks(chinese, zh[i], english, en[i])
			lacks(english, en[i], chinese, zh[i])
		}
	}
}

func titles(all []*section) string {
	var out []string
	for _, s := range all[1:] {
		out = append(out, s.title)
	}
	return strings.Join(out, " · ")
}

// said lists what a section must have in every language.
func (s *section) said() map[string]bool {
	all := map[string]bool{"a heading of level " + s.title[:strings.LastIndex(s.title, "#")+1]: true}
	for x := range s.facts {
		all[x] = true
	}
	for _, row := range s.rows {
		all["a row with "+strings.Join(slices.Sorted(maps.Keys(row)), " ")] = true
	}
	for _, command := range s.commands {
		all["the command "+command] = true
	}
	return all
}
