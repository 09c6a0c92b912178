// Package recall gives the flags of a command the values that a load had, by its journal: what is
// resumed, compared, finished or undone is then the same load, and nobody has to say it again.
//
//	err := recall.Load(ctx, c, recall.Options{Spec: &spec, Command: "verify", Log: os.Stderr})
//
// It never connects to a server, and writes nothing but what it says to Log.
package recall

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadchain"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// Flags are those of a command line.
type Flags interface {
	Value(name string) any // nil: the command has no such flag
	IsSet(name string) bool
	Set(name, value string) error
}

// Options say which load is meant, and by what command. All are needed.
type Options struct {
	// Spec says it by Dump, Base, Keys, State, Shard and the address of the target. Load sets Raw:
	// what raw batches wrote, scores that commands refuse among it, is on the target; and Wrote.
	Spec    *load.Spec
	Command string // load, follow, verify, finish or rollback
	Several bool   // it is one of several targets, whose states are below State
	Log     io.Writer
}

// selection are the flags by which a verify may look at a part of what was loaded. A --map-db can
// be written in several ways.
var selection = []string{"db", "type", "match", "map-db"}

// Load sets the flags of a load that has begun, unless they are given. What is given must agree: a
// load that is resumed, finished or undone compares that itself, of a verify it is done here. A
// load that is not found knows nothing.
func Load(ctx context.Context, c Flags, o Options) error {
	where, b, err := o.begun(ctx, c)
	switch {
	case err != nil:
		return err
	case b == nil && o.Spec.State != "" && o.Command == "verify":
		return fmt.Errorf("%w: %s holds no journal of a load of this dump: give the --state of the load, or none and the flags that it had",
			exitcode.ErrRefused, cmp.Or(where, o.Spec.State))
	case b == nil:
		return nil
	}
	o.Spec.Raw = b.Raw
	for t := range strings.SplitSeq(b.Settings["--type"], ",") {
		o.Spec.Wrote = append(o.Spec.Wrote, format.Type(t))
	}
	var said []string
	known := flagsOf(b)
	for _, name := range slices.Sorted(maps.Keys(known)) {
		value, now := known[name], c.Value(name)
		switch {
		case now == nil || fmt.Sprint(now) == value: // of another command, or said already
		case !c.IsSet(name):
			if err := c.Set(name, value); err != nil {
				return fmt.Errorf("%w: the journal in %s has a load with --%s %q: %w", journal.ErrDamaged, where, name, value, err)
			}
			said = append(said, fmt.Sprintf("--%s %q", name, value))
		case o.Command == "verify" && !slices.Contains(selection, name):
			return fmt.Errorf("%w: by the journal in %s the load had --%s %q, not %q: leave the flag out, or give the --state of the load that is meant",
				exitcode.ErrRefused, where, name, value, fmt.Sprint(now))
		}
	}
	if b.Server == "kvrocks" && len(b.Places) > 1 && !c.IsSet("map-db") && !c.IsSet("db") {
		var places []string
		for _, db := range slices.Sorted(maps.Keys(b.Places)) {
			place := b.Places[db]
			if place == "__namespace/" {
				place = "the default"
			}
			places = append(places, fmt.Sprintf("%d to %s", db, place))
		}
		return fmt.Errorf("%w: by the journal in %s the load put databases into namespaces (%s), whose tokens no journal keeps: give the --map-db that it had, and set its variables",
			exitcode.ErrRefused, where, strings.Join(places, ", "))
	}
	if len(said) > 0 {
		fmt.Fprintf(o.Log, "flags of the load, by its journal in %s: %s\n", where, strings.Join(said, " "))
	}
	return nil
}

// begun returns what the load is of, and where its journal is; nil: no load of this dump has begun.
func (o *Options) begun(ctx context.Context, c Flags) (where string, b *journal.Identity, err error) {
	s := *o.Spec
	if s.State != "" && o.Several {
		s.State = storage.Join(s.State, loadstate.TargetName(s.Target.Target.Addr))
	}
	if s.Dump == loadstate.Stream {
		return "", nil, nil
	}
	switch deltas, where, b, err := loadchain.Known(ctx, &s); {
	case err != nil && c.IsSet("undo"): // which a full dump may not have: else who opens it next says so
		return "", nil, err
	case deltas && err == nil:
		if b != nil {
			b.Settings = maps.Clone(b.Settings)
			delete(b.Settings, "--on-exists") // that of the base may have been another
		}
		if c.Value("on-exists") != nil && !c.IsSet("on-exists") {
			err = c.Set("on-exists", "replace")
		}
		return where, b, err
	}
	if o.Command == "load" && c.Value("resume") != true {
		return "", nil, nil
	}
	a, err := archive.Open(ctx, s.Dump, 1, s.Keys.Identities...)
	switch {
	case err == nil:
		s.ID = a.Manifest.Dump
		a.Close()
	case storage.IsURL(s.Dump): // whoever opens it next says so
		return "", nil, nil
	}
	where, found, err := s.Location().Identity(ctx)
	if errors.Is(err, fs.ErrNotExist) || err == nil && s.ID != "" && found.Dump != s.ID {
		return where, nil, nil
	}
	return where, &found, err
}

// flagsOf returns the flags that a journal knows, as they are given.
func flagsOf(b *journal.Identity) map[string]string {
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
