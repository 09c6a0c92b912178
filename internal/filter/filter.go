// Package filter holds the flags that choose what is dumped or loaded: databases, types and keys.
package filter

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/glob"
)

// A Filter chooses keys. Its zero value chooses all.
type Filter struct {
	DBs   []int // nil: all
	Types []format.Type
	Match string // see SetMatch

	pattern *glob.Pattern
}

// Flags returns the flags.
func Flags() []cli.Flag {
	const category = "Which keys"
	return []cli.Flag{
		&cli.StringFlag{Name: "db", Aliases: []string{"n"}, Usage: "only these databases, such as `0,2`", Category: category},
		&cli.StringFlag{Name: "type", Usage: "`string,hash,list,zset,set,stream` only these types", Category: category},
		&cli.StringFlag{Name: "match", Usage: "only keys that match the glob `PATTERN`: * ? [a-z] \\", Category: category},
	}
}

// FromFlags returns the filter that the flags give.
func FromFlags(c *cli.Context) (Filter, error) {
	var f Filter
	if err := f.SetMatch(c.String("match")); err != nil {
		return f, exitcode.Usagef("--match %q: %w", c.String("match"), err)
	}
	for _, name := range []string{"db", "type"} {
		if s := c.String(name); s != "" && len(split(s)) == 0 {
			return f, exitcode.Usagef("--%s %q names none", name, s)
		}
	}
	for _, s := range split(c.String("db")) {
		db, err := strconv.Atoi(s)
		if err != nil || db < 0 || db > format.MaxDatabase {
			return f, exitcode.Usagef("--db %s: databases are numbers from 0 on, as 0,2", s)
		}
		f.DBs = append(f.DBs, db)
	}
	slices.Sort(f.DBs)
	f.DBs = slices.Compact(f.DBs)
	for _, s := range split(c.String("type")) {
		t, err := format.ParseType(s)
		if err != nil {
			return f, exitcode.Usagef("--type: %w", err)
		}
		f.Types = append(f.Types, t)
	}
	return f, nil
}

// SetMatch chooses the keys that match a glob; empty: all.
func (f *Filter) SetMatch(match string) (err error) {
	f.Match, f.pattern = match, nil
	if !utf8.ValidString(match) { // dump.json and journals could not hold it
		return errors.New("the pattern is no UTF-8: put ? for each byte that is none")
	}
	if match != "" {
		f.pattern, err = glob.Compile(match)
	}
	return err
}

func split(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

// DB reports whether the database is chosen.
func (f *Filter) DB(db int) bool { return f.DBs == nil || slices.Contains(f.DBs, db) }

// Type reports whether the type is chosen.
func (f *Filter) Type(t format.Type) bool { return f.Types == nil || slices.Contains(f.Types, t) }

// Key returns a function that reports whether a key is chosen; nil if all are.
func (f *Filter) Key() func([]byte) bool {
	if f.pattern == nil {
		return nil
	}
	return f.pattern.Match
}

// Prefix returns what all chosen keys begin with.
func (f *Filter) Prefix() []byte {
	if f.pattern == nil {
		return nil
	}
	return f.pattern.Prefix()
}
