package load

import (
	"bytes"
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
	"time"
	"unicode/utf8"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/filter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
	"github.com/pika2kvrocks/pika2kvrocks/internal/retry"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/shard"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// A Spec says which keys of which dump go where on which target, under which names. A load, and
// what compares, finishes or undoes it, are given the same.
type Spec struct {
	Dump string          // a directory, a URL or loadstate.Stream
	Keys encryption.Keys // of an encrypted dump
	ID   string          // of the dump: Open sets it
	// Base is where the base of a delta lies; empty: as the journal says. Number is that of the
	// delta, 0 of a full dump: Open sets it.
	Base   string
	Number int
	Behind bool // deltas were loaded behind it: SayBehind sets it

	Filter  filter.Filter
	Rewrite rewrite.Options

	Raw    bool                    // written by raw batches: Run sets it
	Wrote  []format.Type           // the types of the load, by its journal; nil: not known
	Target writer.Options          // Open sets its Keyspaces
	Own    target.Keyspace         // in which a connection is by itself
	MapDB  map[int]target.Keyspace // where each database goes; nil: not said
	// Namespaces are names of those that MapDB has, by database; not named: dbN.
	Namespaces map[int]string

	State     string // where the state of the load is; empty: the default
	Shard     shard.Shard
	BreakLock bool

	Workers  int           // connections
	RetryFor time.Duration // without progress
	Meter    *progress.Meter
	Summary  *summary.Summary // takes what the run came to; nil: nobody wants to know
}

// Summarize has a Summary taken what the run comes to, if nobody gave one.
func (s *Spec) Summarize(command string) {
	if s.Summary == nil {
		s.Summary = summary.New("", "", command)
	}
}

// Open opens a finished dump, and finds out where its databases go and under which names.
func (s *Spec) Open(ctx context.Context) (*archive.Archive, *rewrite.Rules, error) {
	a, err := s.OpenDump(ctx)
	if err != nil {
		return nil, nil, err
	}
	rules, err := s.Rules(ctx, a)
	if err != nil {
		a.Close()
		return nil, nil, err
	}
	return a, rules, nil
}

// OpenDump is Open without the names, for those who need a load of it first: Rules has them.
func (s *Spec) OpenDump(ctx context.Context) (*archive.Archive, error) {
	a, err := archive.OpenAny(ctx, s.Dump, s.Workers, s.Keys.Identities...)
	if err != nil {
		return nil, err
	}
	return s.opened(a)
}

// OpenBegun is OpenDump, also of a full dump that is not finished, of which a load with Follow may
// have sent some: of what has come, with or without the chunks.
func (s *Spec) OpenBegun(ctx context.Context, chunks bool) (*archive.Archive, error) {
	a, err := s.OpenDump(ctx)
	if !errors.Is(err, archive.ErrIncomplete) {
		return a, err
	}
	a, part := archive.OpenPart(ctx, s.Dump, s.Workers, chunks, s.Keys.Identities...)
	if errors.Is(part, fs.ErrNotExist) || errors.Is(part, archive.ErrDelta) {
		return nil, err // nothing was begun, or it could not be loaded
	}
	if part != nil {
		return nil, part
	}
	return s.opened(a)
}

func (s *Spec) opened(a *archive.Archive) (*archive.Archive, error) {
	err := s.checkBase(a)
	if err == nil {
		err = s.place(a)
	}
	if err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

// checkBase refuses a base, other than the dump itself, of what follows none: what was meant may be
// another dump.
func (s *Spec) checkBase(a *archive.Archive) error {
	if s.Base == "" || a.Manifest.Delta != nil || storage.Abs(s.Base) == storage.Abs(s.Dump) {
		return nil
	}
	return fmt.Errorf("%w: %s is a full dump, which takes no --base: leave that out, or give the delta or the chain that follows %s with --in", exitcode.ErrRefused, summary.Place(s.Dump), summary.Place(s.Base))
}

// OpenWith is Open with the dump open.
func (s *Spec) OpenWith(ctx context.Context, a *archive.Archive) (*rewrite.Rules, error) {
	if err := s.place(a); err != nil {
		return nil, err
	}
	return s.Rules(ctx, a)
}

// place finds out where the databases of a dump go.
func (s *Spec) place(a *archive.Archive) (err error) {
	s.ID = a.Manifest.Dump
	if d := a.Manifest.Delta; d != nil {
		s.Number, s.Target.OnExists = d.Number, writer.Replace
	}
	s.Summary.Of(a.Manifest, s.Dump)
	if !s.Shard.IsAll() {
		s.Summary.Shard = s.Shard.String()
	}
	s.Rewrite.Loaded = true
	units := s.touched(a, nil)
	if a.Manifest.Finished.IsZero() {
		units = coming(a, &s.Filter)
	}
	s.Target.Target.Keyspaces, err = Keyspaces(s.MapDB, s.Own, units)
	return err
}

// OpenTarget connects to the target and shows what it is.
func (s *Spec) OpenTarget(ctx context.Context, log io.Writer) (*writer.Loader, error) {
	l, err := writer.Open(ctx, s.Target)
	if err != nil {
		return nil, MayWantTLS(err)
	}
	s.Summary.Target = fmt.Sprint(l.Target)
	fmt.Fprintf(log, "target: %s\n", l.Target)
	return l, nil
}

// Wants reports whether a chunk is loaded. One that only says what is deleted is not.
func (s *Spec) Wants(c format.ChunkInfo) bool {
	return s.Filter.DB(c.DB) && s.Filter.Type(c.Type) && c.Records > c.Deleted
}

// Units returns the units of the dump that are loaded, by all shards.
func (s *Spec) Units(a *archive.Archive) []archive.Unit { return a.Units(s.Wants) }

// ChosenUnits is Units, but refuses to choose none of a dump that holds keys: a success with
// nothing done proves nothing. Of a delta it is usual: what has changed is of another database.
func (s *Spec) ChosenUnits(a *archive.Archive) ([]archive.Unit, error) {
	units := s.Units(a)
	if len(units) > 0 || a.Manifest.Delta != nil || report.Sum(a.Manifest.Totals).Keys == 0 {
		return units, nil
	}
	var has []string
	for _, t := range a.Manifest.Totals {
		if t.Keys > 0 {
			has = append(has, fmt.Sprintf("db%d %s (%s)", t.DB, t.Type, progress.Count(t.Keys)))
		}
	}
	return nil, fmt.Errorf("%w: --db and --type choose none of the dump's keys; it has %s", exitcode.ErrRefused, strings.Join(has, ", "))
}

// DBs returns the databases that are loaded.
func (s *Spec) DBs() []int { return slices.Sorted(maps.Keys(s.Target.Target.Keyspaces)) }

// Location says where the state of the load is.
func (s *Spec) Location() loadstate.Location {
	return loadstate.Location{
		Dump: s.Dump, ID: s.ID, Number: s.Number, Target: s.Target.Target.Addr, State: s.State, Shard: s.Shard, BreakLock: s.BreakLock,
	}
}

// Retry says which errors of the target are retried.
func (s *Spec) Retry(log io.Writer) retry.Policy {
	retries := progress.NewRetries()
	return retry.Policy{For: s.RetryFor, Kind: ErrorKind, Say: func(err error, wait time.Duration) {
		s.Meter.Retried(err, wait)
		s.Summary.Retried()
		retries.Say(log, err, wait)
	}}
}

// Presence looks whether what a journal has loaded is on the target.
func (s *Spec) Presence(l *writer.Loader, j *journal.Journal, rules *rewrite.Rules, retry retry.Policy) *Presence {
	return &Presence{Target: l, Journal: j, DBs: s.DBs(), Keep: s.Filter.Key(), Rename: rules.Rename, Expire: rules.Expire, Retry: retry, spec: s}
}

// SayBehind says, if deltas were loaded behind a load that is done, of which the state is at root,
// what a comparison with that alone finds, and which command compares with all. Nil: none were.
func (s *Spec) SayBehind(ctx context.Context, later *loadstate.LaterError, root string, log io.Writer) {
	if later == nil {
		return
	}
	s.Behind = true
	help := "the chain that has " + summary.Place(later.Place)
	if chain, _, ok := archive.ParseDeltaPath(later.Place); ok {
		base := s.Dump
		if s.Number > 0 {
			base = cmp.Or(s.Base, "DUMP")
		}
		s.Summary.Instead = []string{"kvload verify", "--in", chain, "--base", base}
		help = "all: kvload verify --in " + summary.Place(chain) + " --base " + summary.Place(base)
	}
	text := later.Differs(ctx) + "; compare with " + help
	fmt.Fprintf(log, "warning: by the journal in %s %s\n", root, text)
	s.Summary.Note("by the journal " + text)
}

// Unsure is how a run ends that does not know what the target holds; nil if why is empty.
func (s *Spec) Unsure(why string) error {
	if why == "" {
		return nil
	}
	dump := s.Dump
	if chain, _, ok := archive.ParseDeltaPath(dump); ok && s.Number > 0 { // what lies below may be lost, too
		dump = chain + " --base " + cmp.Or(s.Base, "DUMP")
	}
	return &exitcode.DifferentError{Text: fmt.Sprintf("%s; compare, with the flags of the load: kvload verify --uri redis://%s --in %s", why, s.Target.Target.Addr, dump)}
}

// Identity says what the journal of the load is of.
func (s *Spec) Identity(l *writer.Loader) journal.Identity {
	return s.identity(&l.Target.Info, l.Keyspace)
}

// someNamespace is the place of a database in a namespace that the target does not tell.
const someNamespace = "a namespace"

// identity is Identity for a target, and what it calls the keyspace of each database.
func (s *Spec) identity(t *target.Info, keyspace func(db int) string) journal.Identity {
	b := journal.Identity{
		Dump: s.ID, Address: t.Addr, Nodes: t.Nodes, Server: t.Server, Places: map[int]string{}, Settings: s.settings(),
		Now: time.Now().Add(t.ClockOffset).UTC().Truncate(time.Millisecond),
	}
	for db, k := range s.Target.Target.Keyspaces {
		switch name := keyspace(db); {
		case name != "":
			b.Places[db] = name
		case k.Token != "": // the target does not tell
			b.Places[db] = someNamespace
		default:
			b.Places[db] = fmt.Sprintf("db %d", k.DB)
		}
	}
	return b
}

// WarnLacks warns of what the dump lacks of its source. Its manifest counts that of no part.
func (s *Spec) WarnLacks(a *archive.Archive, done string, log io.Writer) {
	what := "what is " + done
	if s.Filter.DBs != nil || s.Filter.Types != nil || s.Filter.Match != "" {
		what = "the dump, of which a part is " + done + ","
	}
	if text := report.Lacks(what, a.Manifest.Skipped, a.SkippedList()); text != "" {
		fmt.Fprintln(log, "warning:", text)
		s.Summary.Note(text)
	}
}

// settings are the flags that decide what is written.
func (s *Spec) settings() map[string]string {
	var types []string
	for _, t := range format.Types {
		if s.Filter.Type(t) {
			types = append(types, string(t))
		}
	}
	settings := map[string]string{
		"--on-exists": s.Target.OnExists.String(), "--hyperloglog": s.Target.HyperLogLog.String(),
		"--on-conflict": string(s.Rewrite.Conflict), "--ttl": string(s.Rewrite.TTL.Mode), "--ttl-min": s.Rewrite.TTL.Min.String(),
		"--key-prefix-strip": asText(s.Rewrite.Prefix.Strip), "--key-prefix-add": asText(s.Rewrite.Prefix.Add),
		"--type": strings.Join(types, ","), "--db": fmt.Sprint(s.Filter.DBs), "--match": s.Filter.Match,
	}
	if !s.Shard.IsAll() {
		settings["--shard"] = s.Shard.String()
	}
	return settings
}

// ChoosesAs reports whether the flags choose the same keys as those of a load, by the same names.
func (s *Spec) ChoosesAs(id *journal.Identity) bool {
	own := s.settings()
	return !slices.ContainsFunc([]string{"--db", "--type", "--match", "--key-prefix-strip", "--key-prefix-add"}, func(name string) bool { return own[name] != id.Settings[name] })
}

// asText returns a text that JSON holds without loss: quoted unless the bytes are UTF-8.
func asText(b []byte) string {
	if utf8.Valid(b) && !bytes.HasPrefix(b, []byte{'"'}) {
		return string(b)
	}
	return strconv.QuoteToASCII(string(b))
}
