package filter

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
)

func parse(args ...string) (f Filter, err error) {
	app := command.App(&cli.App{Name: "test", Writer: new(bytes.Buffer), ErrWriter: new(bytes.Buffer), Flags: Flags()}, nil)
	app.Action = func(c *cli.Context) error {
		f, err = FromFlags(c)
		return nil
	}
	if runErr := app.Run(append([]string{"test"}, args...)); runErr != nil {
		return f, runErr
	}
	return f, err
}

func TestFromFlags(t *testing.T) {
	for _, tc := range []struct {
		args  []string
		dbs   []int
		types []format.Type
	}{
		{nil, nil, nil},
		{[]string{"--db", "3"}, []int{3}, nil},
		{[]string{"-n", "2,0,2, 1"}, []int{0, 1, 2}, nil},
		{[]string{"--db", "65535"}, []int{65535}, nil},
		{[]string{"--type", "hash"}, nil, []format.Type{format.TypeHash}},
		{[]string{"--type", "zset,string", "--db", "0"}, []int{0}, []format.Type{format.TypeZset, format.TypeString}},
		{[]string{"--db", "", "--type", ""}, nil, nil}, // as an empty variable of a script gives it
	} {
		f, err := parse(tc.args...)
		if err != nil || !slices.Equal(f.DBs, tc.dbs) || !slices.Equal(f.Types, tc.types) {
			t.Errorf("%v: %+v, %v", tc.args, f, err)
		}
		for db := range 5 {
			if got, want := f.DB(db), tc.dbs == nil || slices.Contains(tc.dbs, db); got != want {
				t.Errorf("%v: DB(%d) = %v", tc.args, db, got)
			}
		}
		for _, typ := range format.Types {
			if got, want := f.Type(typ), tc.types == nil || slices.Contains(tc.types, typ); got != want {
				t.Errorf("%v: Type(%s) = %v", tc.args, typ, got)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	for _, tc := range []struct {
		args []string
		says string
	}{
		{[]string{"--db", "x"}, "--db x: databases are numbers from 0 on, as 0,2"},
		{[]string{"--db", "0,-1"}, "--db -1:"},
		{[]string{"--db", "1.5"}, "--db 1.5:"},
		{[]string{"--db", "65536"}, "--db 65536:"},
		{[]string{"--db", "99999999999999999999"}, "--db 99999999999999999999:"},
		{[]string{"--db", ","}, `--db "," names none`},
		{[]string{"--db", " "}, `--db " " names none`},
		{[]string{"--type", ",,"}, `--type ",," names none`},
		{[]string{"--type", "hashes"}, `--type: unknown type "hashes": the types are string, hash, list, zset, set and stream`},
		{[]string{"--match", "ab\xff\xfe*"}, `--match "ab\xff\xfe*": the pattern is no UTF-8`},
		{[]string{"--match", "[z-a"}, `--match "[z-a": a class that begins with [ is not closed: add ], or write \[ for the byte itself`},
		{[]string{"--type", "HASH"}, `unknown type "HASH"`},
		{[]string{"--type", "hash,hyperloglog"}, `unknown type "hyperloglog"`},
	} {
		_, err := parse(tc.args...)
		var usage *exitcode.UsageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%v: %v, want %q", tc.args, err, tc.says)
		}
	}
}

func TestMatch(t *testing.T) {
	if f, err := parse(); err != nil || f.Key() != nil || f.Prefix() != nil {
		t.Errorf("no pattern: %+v, %v", f, err)
	}
	for _, tc := range []struct {
		pattern, prefix string
		yes, no         []string
	}{
		{"user:*", "user:", []string{"user:", "user:1", "user:\xff\x00"}, []string{"", "user", "xuser:1"}},
		{"*", "", []string{"", "x", "\x00"}, nil},
		{"a?c", "a", []string{"abc", "a\xffc"}, []string{"ac", "abbc"}},
		{"[ab]x", "", []string{"ax", "bx"}, []string{"cx", "x"}},
		{`a\*b`, "a*b", []string{"a*b"}, []string{"axb", `a\*b`}},
		{"exact", "exact", []string{"exact"}, []string{"exact1", ""}},
	} {
		f, err := parse("--match", tc.pattern)
		if err != nil || f.Match != tc.pattern {
			t.Errorf("%s: %+v, %v", tc.pattern, f, err)
			continue
		}
		if got := string(f.Prefix()); !strings.HasPrefix(tc.prefix, got) {
			t.Errorf("%s: prefix %q is not one of %q", tc.pattern, got, tc.prefix)
		}
		for _, key := range tc.yes {
			if !f.Key()([]byte(key)) || !strings.HasPrefix(key, string(f.Prefix())) {
				t.Errorf("%s does not choose %q (prefix %q)", tc.pattern, key, f.Prefix())
			}
		}
		for _, key := range tc.no {
			if f.Key()([]byte(key)) {
				t.Errorf("%s chooses %q", tc.pattern, key)
			}
		}
	}
}
