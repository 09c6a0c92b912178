package binlog

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestWriteCommands: each command that a version flags as a write has its place in the table, and
// what else is in the table is there for a reason.
func TestWriteCommands(t *testing.T) {
	flagged := map[string]bool{"multi": true} // named by the issue; no version logs it
	for _, version := range versions {
		b, err := os.ReadFile("testdata/writes-" + version + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		names := strings.Fields(string(b))
		if len(names) < 60 {
			t.Errorf("%s: %d commands", version, len(names))
		}
		for _, name := range names {
			flagged[name] = true
			if commands[name].name != name {
				t.Errorf("%s writes by %s, which has no place in the table", version, name)
			}
		}
	}
	for name := range commands {
		if !flagged[name] {
			t.Errorf("%s is in the table, but no version writes by it", name)
		}
	}
}

// TestNames: which arguments are names.
func TestNames(t *testing.T) {
	for command, want := range map[string]string{
		"set k v ex 100":             "k",
		"pksetexat k 0 v":            "k",
		"SET k v":                    "k",
		"RPOP l":                     "l",
		"rpop l 3":                   "l",
		"mset a 1 b 2 c 3":           "a b c",
		"msetnx a 1":                 "a",
		"del a b c":                  "a b c",
		"unlink a":                   "a",
		"bitop and dest s1 s2":       "dest",
		"bitop or d\x00est s1 s2":    "d\x00est d",
		"pfmerge dest s1 s2":         "dest",
		"sunionstore dest s1 s2":     "dest",
		"zunionstore dest 2 z1 z2":   "dest",
		"smove from to m":            "from to",
		"rpoplpush from to":          "from to",
		"blpop a b 0":                "a b",
		"brpop a 5":                  "a",
		"geoadd g 13.3 38.1 p":       "g",
		"xadd st 1-1 f v":            "st",
		"slotsmgrt-exec-wrapper k d": "k",
		"multi":                      "",
		"exec":                       "",
		"padding xxx":                "",
		"sinter a b":                 "",
		"clearcache":                 "",
	} {
		item, err := parseItem(encode(strings.Fields(command)...), 1<<20)
		if err != nil {
			t.Errorf("%s: %v", command, err)
			continue
		}
		var got []string
		for _, n := range item.Names {
			got = append(got, string(n))
		}
		if !slices.Equal(got, strings.Fields(want)) || item.Command != strings.ToLower(strings.Fields(command)[0]) {
			t.Errorf("%s writes %q by %s, want %q", command, got, item.Command, want)
		}
	}
}

// parseItem parses an item that is a whole message.
func parseItem(b []byte, maxNames int) (*Item, error) {
	in := inputOf(b)
	p := itemParser{in: in, maxNames: maxNames}
	item := p.parse(0, at(0, 7))
	return item, in.err
}
