package load

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/preimage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/tune"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
	"github.com/pika2kvrocks/pika2kvrocks/writer/preflight"
)

func (o *Options) need(a *archive.Archive, units []archive.Unit) *preflight.Need {
	n := &preflight.Need{
		Skip:        o.Target.OnExists == writer.Skip,
		Connections: min(o.Workers, max(1, len(units)))*len(o.Target.Target.Keyspaces) + 1, // and one that looks at the storage
		Partly:      o.Resume || o.Filter.Match != "",
		SourceAhead: time.Duration(a.Manifest.Source.ClockDifference) * time.Millisecond,
		Dumped:      a.Manifest.Finished,
		Create:      map[int]string{}, Tune: o.Tune, Accept: o.Accept,
	}
	types := map[format.Type]bool{}
	for _, u := range units {
		for _, c := range u {
			n.Raw += c.Raw
			n.Expiring += c.Expiring
			types[c.Type] = true
		}
	}
	if a.Manifest.Finished.IsZero() { // how many units there will be is not known, nor whether keys of them expire
		n.Connections, n.Expiring = o.Workers*len(o.Target.Target.Keyspaces)+1, 1
	}
	if o.Rewrite.TTL.Mode == rewrite.Drop {
		n.Expiring = 0
	}
	n.Types = slices.DeleteFunc(slices.Clone(format.Types), func(t format.Type) bool { return !types[t] })
	if o.CreateNamespaces {
		for db, p := range o.Target.Target.Keyspaces {
			if p.Token != "" {
				n.Create[db] = o.namespace(db)
			}
		}
	}
	return n
}

// An inspection is what is looked at before a load, by the load and by --dry-run alike: each
// condition on which a load refuses is one of its checks. Nothing is written.
type inspection struct {
	*job
	facts *preflight.Facts
	state *loadstate.State
	l     *writer.Loader // nil: the target cannot be loaded, or a namespace is to be made first

	checks []preflight.Check
}

// look makes the checks. Names is why the names are refused, if they are.
func (p *inspection) look(ctx context.Context, names error) (err error) {
	a := p.feed.Archive()
	if p.DryRun {
		if err := a.AllThere(); err != nil {
			return err
		}
	}
	need := p.need(a, p.own)
	if p.facts, err = preflight.Inspect(ctx, p.Target.Target, *need); err != nil {
		return MayWantTLS(err)
	}
	var place error
	run := loadstate.Run{Location: p.Location(), Resume: p.Resume, MustBeEmpty: p.Target.OnExists == writer.Fail, Undo: p.Undo}
	if p.state, place = loadstate.Look(ctx, run, p.facts.Target.Nodes); place == nil && p.state.WantsEmpty() {
		if err := p.facts.Count(ctx, countLimit); err != nil {
			return err
		}
	}
	p.checks = p.facts.Checks(*need)
	if err := p.note(preflight.Check{Name: "names"}, names); err != nil {
		return err
	}
	if err := p.note(preflight.Check{Name: "journal"}, place); err != nil {
		return err
	}
	if err := p.lookBefore(ctx); err != nil {
		return err
	}
	if place == nil && p.Report != "" && !p.state.Is(loadstate.Finished) {
		err := storage.MayWrite(p.Report)
		if err != nil {
			err = fmt.Errorf("%w: --report %s: %w; give a file that can be written", exitcode.ErrRefused, p.Report, err)
		}
		if err := p.note(preflight.Check{Name: "report", Found: p.Report + " can be written"}, err); err != nil {
			return err
		}
	}
	if place == nil && p.Undo != "" && p.state.Is(loadstate.Fresh) {
		found, err := preimage.CanSave(ctx, p.Undo, p.Target.Target.Addr, p.Tool, p.Keys, storage.Options{BreakLock: p.BreakLock})
		if err := p.note(preflight.Check{Name: "undo", Found: found}, err); err != nil {
			return err
		}
	}
	return p.open(ctx)
}

// open connects to the target if it can be loaded, and compares it with the journal.
func (p *inspection) open(ctx context.Context) (err error) {
	missing := p.missing()
	reached := p.facts.Refusal == nil && !slices.ContainsFunc(p.facts.Keyspaces, func(at preflight.KeyspaceFacts) bool { return at.Err != nil })
	if reached && len(missing) == 0 {
		p.l, err = writer.Open(ctx, p.Target)
		if err := p.note(preflight.Check{Name: "target"}, err); err != nil {
			return MayWantTLS(err)
		}
	}
	if p.state == nil {
		return nil
	}
	var differs error
	if p.l != nil {
		differs = p.state.Check(ctx, p.Identity(p.l))
	} else if reached && len(missing) > 0 {
		differs = p.state.Check(ctx, p.foreseen(missing))
	}
	if differs != nil {
		return p.note(preflight.Check{Name: "journal"}, differs)
	}
	phase, c, err := p.state.Next()
	if err != nil && p.state.IsUndoing() {
		p.Summary.Instead = []string{"kvload rollback"}
	}
	if nerr := p.note(c, err); nerr != nil || err != nil || p.l == nil {
		return nerr
	}
	p.settings()
	if phase == loadstate.Fresh && p.before != nil {
		err := p.checkBefore(ctx)
		return p.note(preflight.Check{Name: "base", Found: "the target holds what this delta follows, as far as that was looked at"}, err)
	}
	if phase == loadstate.Fresh || p.rules == nil {
		return nil
	}
	Begin(p.rules, p.state.Journal.Bound(), p.feed.Archive().Manifest)
	err = p.checkPresence(ctx, p.Presence(p.l, p.state.Journal, p.rules, p.retry), phase)
	return p.note(preflight.Check{Name: "loaded", Found: "keys that were loaded are on the target, as far as that was looked at"}, err)
}

// foreseen is what the journal will be of once the missing namespaces are made.
func (p *inspection) foreseen(missing map[int]string) journal.Identity {
	return p.identity(&p.facts.Target, func(db int) string {
		if missing[db] == "" || p.state.Place(db) == someNamespace { // the target does not tell
			return p.facts.Keyspace(db)
		}
		return missing[db] + "/" // as CLIENT INFO will say
	})
}

// note adds a check, which failed with err. One that did not is added if it found something. An
// error that is no refusal is returned: it may pass by itself.
func (p *inspection) note(c preflight.Check, err error) error {
	if err == nil {
		if c.Found != "" {
			p.checks = append(p.checks, c)
		}
		return nil
	}
	if code := ExitCode(err); code != exitcode.Refused && code != exitcode.Locked && code != exitcode.Auth {
		return err
	}
	c.Level, c.Err, c.Found, c.Advice = preflight.Failed, err, strings.TrimPrefix(err.Error(), exitcode.ErrRefused.Error()+": "), ""
	p.checks = append(p.checks, c)
	return nil
}

// settings says what an earlier run has left changed at the target, which --tune sets back first.
func (p *inspection) settings() {
	switch left, err := tune.Left(p.l.Target, p.state.Root); {
	case err != nil && p.Tune:
		p.checks = append(p.checks, preflight.Check{Name: "settings", Level: preflight.Failed, Err: exitcode.ErrRefused, Found: err.Error()})
	case err != nil:
		p.checks = append(p.checks, preflight.Check{Name: "settings", Level: preflight.Warning, Found: err.Error()})
	case left != nil:
		p.checks = append(p.checks, preflight.Check{Name: "settings", Level: preflight.Warning,
			Found: "an earlier run changed settings of the target and did not set them back: a load does that first"})
	}
}

func (p *inspection) missing() map[int]string {
	missing := map[int]string{}
	for _, at := range p.facts.Keyspaces {
		if at.Missing {
			missing[at.DB] = p.namespace(at.DB)
		}
	}
	return missing
}

// pass shows what is not as it should be, refuses the load, or makes the namespaces it lacks.
func (p *inspection) pass(ctx context.Context) error {
	warnings := 0
	for _, c := range p.checks {
		if c.Level == preflight.Warning {
			warnings++
			fmt.Fprintln(p.log, "warning:", c)
		}
	}
	if err := refusal(p.Target.Target.Addr, p.checks); err != nil {
		return err
	}
	fmt.Fprintf(p.log, "pre-flight: %s, %s\n", progress.Plural(len(p.checks), "check", "checks"), progress.Plural(warnings, "warning", "warnings"))
	missing := p.missing()
	if len(missing) == 0 {
		return nil
	}
	if err := preflight.CreateNamespaces(ctx, p.Target.Target, missing); err != nil {
		return err
	}
	for db, name := range missing {
		fmt.Fprintf(p.log, "CHANGED AT THE TARGET: NAMESPACE ADD %s, for db%d\n", name, db)
	}
	p.facts.Keyspaces, p.checks = nil, nil
	if err := p.open(ctx); err != nil {
		return err
	}
	return refusal(p.Target.Target.Addr, p.checks)
}

// show shows all checks, for --dry-run, which ends as the load would.
func (p *inspection) show(out io.Writer) error {
	fmt.Fprintf(out, "dry run: %s into %s\n", p.Dump, p.Target.Target.Addr)
	count := map[preflight.Level]int{}
	for _, c := range p.checks {
		count[c.Level]++
		showCheck(out, c, cmp.Or(progress.Width(out), math.MaxInt))
	}
	fmt.Fprintf(out, "%s, %s, %d failed; nothing was written\n", progress.Plural(len(p.checks), "check", "checks"), progress.Plural(count[preflight.Warning], "warning", "warnings"), count[preflight.Failed])
	if err := refusal(p.Target.Target.Addr, p.checks); err != nil {
		return &refusedError{fmt.Sprintf("refused: %s of the dry run failed", progress.Plural(count[preflight.Failed], "check", "checks")), err}
	}
	return nil
}

// showCheck writes a check in lines of at most so many columns.
func showCheck(w io.Writer, c preflight.Check, width int) {
	first := fmt.Sprintf("%-8s %-14s ", c.Level, c.Name)
	margin := strings.Repeat(" ", len(first))
	progress.Wrap(w, first, margin, c.Found, width)
	if c.Advice != "" {
		progress.Wrap(w, margin+"-> ", margin+"   ", c.Advice, width)
	}
}

// A refusedError is a sentence about checks that failed, of the kind of one of them.
type refusedError struct {
	text string
	kind error
}

func (e *refusedError) Error() string { return e.text }
func (e *refusedError) Unwrap() error { return e.kind }

// SaysWhatToDo: each check gives its advice.
func (e *refusedError) SaysWhatToDo() bool { return true }

// refusal is the error of the checks that failed, of the kind of the worst; nil if none did.
func refusal(addr string, checks []preflight.Check) error {
	var worst error
	var failed []string
	for _, c := range checks {
		if c.Level != preflight.Failed {
			continue
		}
		failed = append(failed, c.String())
		if err := cmp.Or(c.Err, writer.ErrPreflight); worst == nil || rank(ExitCode(err)) < rank(ExitCode(worst)) {
			worst = err
		}
	}
	if worst == nil {
		return nil
	}
	return &refusedError{fmt.Sprintf("the load into %s is refused, and nothing was written: %s", addr, strings.Join(failed, "\n")), worst}
}
