package load

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/filter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// ParseKeyspaces reads 0=default,1=VAR,2=db:3,4=VAR@NAME, and returns where each database goes and
// the NAMEs. Own is the keyspace of the connection. No two databases may go to one place.
func ParseKeyspaces(s string, own target.Keyspace, getenv func(string) string) (places map[int]target.Keyspace, names map[int]string, err error) {
	if s == "" {
		return nil, nil, nil
	}
	places, names = map[int]target.Keyspace{}, map[int]string{}
	taken := map[target.Keyspace]int{}
	isSpaceOrControl := func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) } // SERVERS.md K3
	for i, pair := range strings.Split(s, ",") {
		from, to, ok := strings.Cut(strings.TrimSpace(pair), "=")
		db, err := strconv.Atoi(from)
		if !ok || err != nil || db < 0 || to == "" {
			return nil, nil, exitcode.Usagef("--map-db: pair %d is not N=default, N=VAR or N=db:M, separated by commas", i+1)
		}
		if _, twice := places[db]; twice {
			return nil, nil, exitcode.Usagef("--map-db names database %d twice", db)
		}
		place := own
		if number, ok := strings.CutPrefix(to, "db:"); ok {
			if place.DB, err = strconv.Atoi(number); err != nil || place.DB < 0 {
				return nil, nil, exitcode.Usagef("--map-db: database %d goes to %q, which is not db: and a number", db, to)
			}
		} else if to != "default" {
			to, name, named := strings.Cut(to, "@")
			if names[db] = name; named && (name == "" || len(name) > 255 || name == "__namespace" || strings.ContainsFunc(name, isSpaceOrControl)) {
				return nil, nil, exitcode.Usagef("--map-db: database %d goes to a namespace whose name is not 1 to 255 bytes without white space, or the default's", db)
			}
			if place = (target.Keyspace{Token: getenv(to)}); place.Token == "" {
				return nil, nil, exitcode.Usagef("--map-db: database %d goes to an environment variable that is not set%s; it must hold the token of the namespace", db, shownVariable(to))
			}
		}
		if other, twice := taken[place]; twice {
			return nil, nil, exitcode.Usagef("--map-db: databases %d and %d would go to the same place and be mixed; give each its own", other, db)
		}
		places[db], taken[place] = place, db
	}
	return places, names, nil
}

var variableName = regexp.MustCompile(`^[A-Z_][A-Z0-9_]*$`)

// shownVariable names a variable in an error, unless it looks like a token.
func shownVariable(name string) string {
	if !variableName.MatchString(name) {
		return " (give the name of the variable, not the token itself)"
	}
	return ", " + name
}

// Keyspaces returns where each database of the units goes, of what --map-db says; nil: it says
// nothing. Own is the keyspace of the connection. Databases are never merged.
func Keyspaces(mapDB map[int]target.Keyspace, own target.Keyspace, units []archive.Unit) (map[int]target.Keyspace, error) {
	dbs := map[int]bool{}
	for _, u := range units {
		dbs[u[0].DB] = true
	}
	sorted := slices.Sorted(maps.Keys(dbs))
	if mapDB == nil && len(sorted) > 1 {
		return nil, fmt.Errorf("%w: the dump has keys in databases %v, and Kvrocks has one keyspace per namespace: say where each goes, "+
			"as --map-db 0=default,1=TOKEN_VARIABLE; a full dump can be loaded one database at a time, too (--db)", exitcode.ErrRefused, sorted)
	}
	chosen := map[int]target.Keyspace{}
	for _, db := range sorted {
		p, ok := mapDB[db]
		if mapDB == nil {
			p, ok = own, true
		}
		if !ok {
			return nil, fmt.Errorf("%w: the dump has keys in database %d, which --map-db does not name; add it, or leave it out with --db (of a full dump)", exitcode.ErrRefused, db)
		}
		chosen[db] = p
	}
	if len(chosen) == 0 && len(mapDB) > 0 { // of an empty delta
		db := slices.Min(slices.Collect(maps.Keys(mapDB)))
		chosen[db] = mapDB[db]
	}
	if len(chosen) == 0 {
		chosen[0] = own
	}
	return chosen, nil
}

// touched stands for the databases of which a dump has something, whatever that is. Of an empty
// delta these are those that the load before it had.
func (s *Spec) touched(a *archive.Archive, before *loadstate.Before) (units []archive.Unit) {
	for _, c := range a.Manifest.Chunks {
		if c.Records > 0 && s.Filter.DB(c.DB) && s.Filter.Type(c.Type) {
			units = append(units, archive.Unit{c})
		}
	}
	if len(units) == 0 && before != nil {
		for db := range before.Identity().Places {
			units = append(units, archive.Unit{{DB: db}})
		}
	}
	return units
}

// coming stands for the units of a dump that has not come yet: one of each database and type. How
// many there are and how large is not known.
func coming(a *archive.Archive, f *filter.Filter) (units []archive.Unit) {
	for _, db := range a.Manifest.Options.Databases {
		for _, t := range a.Manifest.Options.Types {
			if f.DB(db) && f.Type(t) {
				units = append(units, archive.Unit{{DB: db, Type: t}})
			}
		}
	}
	return units
}
