package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadchain"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// selection are the flags by which a verify may look at a part of what was loaded. A --map-db can
// be written in several ways.
var selection = []string{"db", "type", "match", "map-db"}

// recall gives the flags of a load that has begun the values that its journal knows, unless they
// are given. What is given must agree with it: a load that is resumed, finished or undone compares
// all of that itself, of a verify it is done here. A load that is not found knows nothing. What it
// wrote by raw batches, scores that commands refuse among them, is on the target.
func recall(c *cli.Context, s *load.Spec, addr string) error {
	where, b, err := begun(c, *s, addr)
	switch {
	case err != nil:
		return err
	case b == nil && s.State != "" && c.Command.Name == "verify":
		where = cmp.Or(where, s.State)
		return fmt.Errorf("%w: %s holds no journal of a load of this dump: give the --state of the load, or none and the flags that it had",
			exitcode.ErrRefused, where)
	case b == nil:
		return nil
	}
	s.Raw = b.Raw
	var said []string
	known := knownFlags(b)
	for _, name := range slices.Sorted(maps.Keys(known)) {
		value, now := known[name], c.Value(name)
		switch {
		case now == nil || fmt.Sprint(now) == value: // of another command, or said already
		case !c.IsSet(name):
			if err := c.Set(name, value); err != nil {
				return fmt.Errorf("%w: the journal in %s has a load with --%s %q: %w", journal.ErrDamaged, where, name, value, err)
			}
			said = append(said, fmt.Sprintf("--%s %q", name, value))
		case c.Command.Name == "verify" && !slices.Contains(selection, name):
			return fmt.Errorf("%w: by the journal in %s the load had --%s %q, not %q: leave the flag out, or give the --state of the load that is meant",
				exitcode.ErrRefused, where, name, value, fmt.Sprint(now))
		}
	}
	if b.Server == "kvrocks" && len(b.Places) > 1 && !c.IsSet("map-db") && !c.IsSet("db") {
		var places []string
		for _, db := range slices.Sorted(maps.Keys(b.Places)) {
			place := fmt.Sprintf("%d to %s", db, b.Places[db])
			if b.Places[db] == "__namespace/" {
				place = fmt.Sprintf("%d to the default", db)
			}
			places = append(places, place)
		}
		return fmt.Errorf("%w: by the journal in %s the load put databases into namespaces (%s), whose tokens no journal keeps: give the --map-db that it had, and set its variables",
			exitcode.ErrRefused, where, strings.Join(places, ", "))
	}
	if len(said) > 0 {
		fmt.Fprintf(c.App.ErrWriter, "flags of the load, by its journal in %s: %s\n", where, strings.Join(said, " "))
	}
	return nil
}

// begun returns what the load of a spec into addr is of; nil: no load of this dump has begun.
func begun(c *cli.Context, s load.Spec, addr string) (where string, b *journal.Identity, err error) {
	s.Target.Target.Addr = addr
	if c.Value("shard") != nil {
		if s.Shard, err = shardFromFlags(c, os.Getenv); err != nil {
			return "", nil, err
		}
	}
	if s.State != "" && len(c.StringSlice("uri")) > 1 {
		s.State = storage.Join(s.State, loadstate.TargetName(addr))
	}
	if s.Dump == loadstate.Stream {
		return "", nil, nil
	}
	if deltas, where, b, err := loadchain.Known(c.Context, &s); deltas && err == nil {
		if b != nil {
			b.Settings = maps.Clone(b.Settings)
			delete(b.Settings, "--on-exists") // that of the base may have been another
		}
		if c.Value("on-exists") != nil && !c.IsSet("on-exists") {
			err = c.Set("on-exists", "replace")
		}
		return where, b, err
	}
	if c.Command.Name == "load" && !c.Bool("resume") {
		return "", nil, nil
	}
	a, err := archive.Open(c.Context, s.Dump, 1, s.Keys.Identities...)
	switch {
	case err == nil:
		s.ID = a.Manifest.Dump
		a.Close()
	case storage.IsURL(s.Dump): // whoever opens it next says so
		return "", nil, nil
	}
	where, found, err := s.Location().Identity(c.Context)
	if errors.Is(err, fs.ErrNotExist) || err == nil && s.ID != "" && found.Dump != s.ID {
		return where, nil, nil
	}
	return where, &found, err
}

// knownFlags returns the flags that a journal knows, as they are given.
func knownFlags(b *journal.Identity) map[string]string {
	known := map[string]string{}
	for name, value := range b.Settings {
		switch name = strings.TrimPrefix(name, "--"); name {
		case "shard": // of which a finish or rollback may be of all
			continue
		case "type":
			if value == allTypes() {
				value = ""
			}
		case "db":
			value = strings.ReplaceAll(strings.Trim(value, "[]"), " ", ",")
		case "key-prefix-strip", "key-prefix-add":
			if text, err := strconv.Unquote(value); err == nil {
				value = text
			}
		}
		known[name] = value
	}
	// The token of a namespace is in no journal.
	var places []string
	for db, place := range b.Places {
		number, err := strconv.Atoi(strings.TrimPrefix(place, "/"))
		if err != nil || b.Server != "redis" {
			return known
		}
		places = append(places, fmt.Sprintf("%d=db:%d", db, number))
	}
	if slices.Sort(places); len(places) > 1 {
		known["map-db"] = strings.Join(places, ",")
	}
	return known
}

// allTypes is --type as a journal has it if none was given.
func allTypes() string {
	var all []string
	for _, t := range format.Types {
		all = append(all, string(t))
	}
	return strings.Join(all, ",")
}
