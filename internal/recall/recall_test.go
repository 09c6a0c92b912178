package recall

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
)

// given are flags of a command, with their values; those that are set have a + before their name.
type given map[string]string

func (g given) Value(name string) any {
	for _, name := range []string{name, "+" + name} {
		if v, ok := g[name]; ok {
			return v
		}
	}
	return nil
}

func (g given) IsSet(name string) bool { _, ok := g["+"+name]; return ok }

func (g given) Set(name, value string) error {
	delete(g, name)
	g["+"+name] = value
	return nil
}

// begun makes a dump and the journal of a load of it, and returns what that is of.
func begun(t *testing.T, id journal.Identity) load.Spec {
	t.Helper()
	s := load.Spec{Dump: smalldump.Make(t, smalldump.Options{}, []format.Record{smalldump.String("a", "1")}), State: filepath.Join(t.TempDir(), "state")}
	a, err := archive.Open(t.Context(), s.Dump, 1)
	if err != nil {
		t.Fatal(err)
	}
	id.Dump = a.Manifest.Dump
	a.Close()
	j, err := journal.Open(s.State, journal.Options{})
	if err == nil {
		_, err = j.Begin(id, true, "")
	}
	if err == nil {
		err = j.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestLoad: a flag that is not given gets the value of the load; one that is given has to agree
// where the command compares nothing else, unless it chooses a part.
func TestLoad(t *testing.T) {
	s := begun(t, journal.Identity{Server: "redis", Raw: true, Places: map[int]string{0: "/3", 1: "/5"}, Settings: map[string]string{
		"--ttl": "drop", "--type": allTypes(), "--db": "[0 1]", "--key-prefix-add": `"\xff"`, "--match": "a*", "--shard": "1/2", "--on-exists": "fail",
	}})
	for _, tc := range []struct {
		command string
		flags   given
		want    string // the flags behind it, or a part of the error
	}{
		{"verify", given{"ttl": "keep", "type": "", "db": "", "match": "", "key-prefix-add": "", "map-db": ""},
			"map[+db:0,1 +key-prefix-add:\xff +map-db:0=db:3,1=db:5 +match:a* +ttl:drop type:]"},
		{"verify", given{"+ttl": "drop", "+type": "hash", "+db": "1"}, "map[+db:1 +ttl:drop +type:hash]"},
		{"verify", given{"+ttl": "keep"}, `the load had --ttl "drop", not "keep"`},
		{"rollback", given{"+ttl": "keep", "on-exists": "fail"}, "map[+ttl:keep on-exists:fail]"},
		{"finish", given{"ttl": "keep", "shard": ""}, "map[+ttl:drop shard:]"},
		{"load", given{"ttl": "keep", "resume": "false"}, "map[resume:false ttl:keep]"},
	} {
		spec, log := s, strings.Builder{}
		err := Load(t.Context(), tc.flags, Options{Spec: &spec, Command: tc.command, Log: &log})
		got := fmt.Sprint(tc.flags)
		if err != nil {
			got = err.Error()
		}
		if got != tc.want && (err == nil || !strings.Contains(got, tc.want)) {
			t.Errorf("%s: %q, want %q", tc.command, got, tc.want)
		}
		if err == nil && spec.Raw != (tc.command != "load") {
			t.Errorf("%s: raw %v", tc.command, spec.Raw)
		}
		if said := log.String(); err == nil && strings.Contains(got, "+ttl:drop") && !strings.Contains(said, "--ttl") && tc.flags["+type"] == "" {
			t.Errorf("%s: nothing is said: %q", tc.command, said)
		}
	}
}

// TestLoadUnknown: a load that has not begun knows nothing, and a --state that is given must know.
func TestLoadUnknown(t *testing.T) {
	s := begun(t, journal.Identity{Settings: map[string]string{"--ttl": "drop"}})
	s.Dump = smalldump.Make(t, smalldump.Options{}, []format.Record{smalldump.String("b", "1")})
	flags := given{"ttl": "keep"}
	if err := Load(t.Context(), flags, Options{Spec: &s, Command: "rollback", Log: t.Output()}); err != nil || flags["ttl"] != "keep" {
		t.Errorf("%v, %v", err, flags)
	}
	err := Load(t.Context(), flags, Options{Spec: &s, Command: "verify", Log: t.Output()})
	if exitcode.Of(err, load.Classify) != exitcode.Refused || !strings.Contains(err.Error(), "holds no journal of a load of this dump") {
		t.Errorf("%v", err)
	}
}

// TestLoadNamespaces: no journal holds their tokens.
func TestLoadNamespaces(t *testing.T) {
	s := begun(t, journal.Identity{Server: "kvrocks", Places: map[int]string{0: "__namespace/", 1: "ns/"}})
	err := Load(t.Context(), given{"map-db": "", "db": ""}, Options{Spec: &s, Command: "verify", Log: t.Output()})
	if err == nil || !strings.Contains(err.Error(), "(0 to the default, 1 to ns/), whose tokens no journal keeps") {
		t.Errorf("%v", err)
	}
	if err := Load(t.Context(), given{"+map-db": "0=default,1=NS"}, Options{Spec: &s, Command: "verify", Log: t.Output()}); err != nil {
		t.Errorf("%v", err)
	}
}
