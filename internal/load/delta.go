package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
	"github.com/pika2kvrocks/pika2kvrocks/writer/preflight"
)

// asDelta fits the options to a delta, which replaces, and looks for the load that it follows.
func (j *job) asDelta(ctx context.Context) error {
	switch {
	case !j.Shard.IsAll():
		return fmt.Errorf("%w: a delta is loaded as a whole, for what it deletes must be gone before it writes: leave --shard out", exitcode.ErrRefused)
	case j.Target.OnExists == writer.Skip:
		return fmt.Errorf("%w: --on-exists skip would leave what was written before the delta: a delta replaces, leave the flag out", exitcode.ErrRefused)
	}
	j.Number, j.Target.OnExists = j.delta.Number, writer.Replace
	if err := j.lookBehind(ctx); err != nil {
		return err
	}
	return j.findBefore(ctx, j.Location().AsNode())
}

// lookBehind refuses a delta that the one behind it does not follow: one of both is of another
// chain, and once a wrong one is loaded the right one cannot be. So it does with a part of it.
func (j *job) lookBehind(ctx context.Context) error {
	err := j.feed.Archive().CheckInfo()
	chain, _, ok := archive.ParseDeltaPath(j.Dump)
	if err != nil || !ok {
		return err
	}
	next, err := archive.OpenAny(ctx, archive.DeltaPath(chain, j.Number+1), 1, j.Keys.Identities...)
	if errors.Is(err, archive.ErrIncomplete) {
		return nil
	}
	if err == nil {
		defer next.Close()
		err = next.CheckInfo()
	}
	if err != nil {
		return err
	}
	if err = next.Manifest.Follows(&j.feed.Archive().Manifest.Info); err != nil {
		err = fmt.Errorf("%w: %s does not follow %s: %w; one of both is of another chain: put the right one back", archive.ErrChain, next.Path(), j.Dump, err)
	}
	return err
}

// findBefore finds the load that the delta follows. One that is not there is told by lookBefore, or
// at once if it may be there soon. Nodes are those of a target that is a cluster.
func (j *job) findBefore(ctx context.Context, nodes []string) error {
	var err error
	if j.before, err = j.Location().Before(ctx, j.delta.After, j.Base, nodes); err != nil {
		j.before, j.notBefore = nil, err
		if ExitCode(err) != exitcode.Refused {
			return err
		}
		return nil
	}
	j.notBefore = nil
	return nil
}

// reachBefore adds the keyspaces of the load that a delta follows, where a sample of its keys is
// looked for. The delta itself may have nothing of those databases.
func (j *job) reachBefore() {
	if j.before == nil {
		return
	}
	for db := range j.before.Identity().Places {
		if at, named := j.MapDB[db]; named && j.Filter.DB(db) {
			j.Target.Target.Keyspaces[db] = at
		}
	}
}

// lookBefore checks the load that a delta follows.
func (p *inspection) lookBefore(ctx context.Context) error {
	if p.delta == nil {
		return nil
	}
	if nodes := p.facts.Target.Nodes; p.notBefore != nil && len(nodes) > 0 {
		if err := p.findBefore(ctx, nodes); err != nil {
			return err
		}
	}
	c := preflight.Check{Name: "base"}
	err := p.notBefore
	if err != nil && p.BaseLoaded {
		c.Level, c.Found, err = preflight.Warning, "no journal says that the target holds what this delta follows (--base-loaded)", nil
	}
	if err == nil {
		p.after, err = p.follows(ctx)
	}
	if err == nil && p.state != nil && p.state.Is(loadstate.Fresh) {
		err = p.newest(ctx)
	}
	if err == nil && p.state != nil && p.state.Is(loadstate.Finished) && p.isStale(p.state.Journal) {
		err = fmt.Errorf("%w: the base was loaded anew since this delta was: load it again without --resume", exitcode.ErrRefused)
	}
	if p.before != nil {
		c.Found = fmt.Sprintf("delta %d follows the load in %s", p.Number, p.before.Root)
		if n := p.before.Stats().Left(); n > 0 {
			c.Level = preflight.Warning
			c.Found += fmt.Sprintf(", which left out %s: what the delta does not hold of that is still left out", progress.Plural(n, "key or member", "keys and members"))
		}
		if why := p.before.Unsure(); why != "" {
			c.Level = preflight.Warning
			c.Found += "; of that it is not known whether the target holds all: " + why
		}
	}
	return p.note(c, err)
}

// isStale reports whether a journal of the delta is of a load behind another load of the base.
func (j *job) isStale(jn *journal.Journal) bool {
	was := jn.Bound().After
	return was != nil && !was.Loaded.IsZero() && j.after != nil && !j.after.Loaded.IsZero() && !was.Loaded.Equal(j.after.Loaded)
}

// newest refuses a delta behind which, or in whose place, another one is loaded.
func (p *inspection) newest(ctx context.Context) error {
	if !p.state.Journal.Began().IsZero() && !p.isStale(p.state.Journal) {
		if err := loadstate.Newest(ctx, p.state.Journal, ""); err != nil {
			return err
		}
	}
	if err := p.later(ctx); err != nil || p.before == nil {
		return err
	}
	for _, s := range p.before.Shards {
		if err := loadstate.Newest(ctx, s.Journal, p.ID); err != nil {
			return err
		}
	}
	return nil
}

// later refuses a delta if one behind it is loaded, by that one's journal: its own may be lost.
func (p *inspection) later(ctx context.Context) error {
	chain, _, ok := archive.ParseDeltaPath(p.Dump)
	if !ok || p.Chained { // the run of a chain knows
		return nil
	}
	for n := p.Number + 1; ; n++ {
		m, err := archive.ReadMember(ctx, chain, n, p.Keys.Identities...)
		if err != nil || !m.Finished {
			return err
		}
		l := p.Location()
		l.Dump, l.Number, l.ID = m.Location, n, m.Info.Dump
		status, err := l.Status(ctx, l.AsNode())
		if err != nil {
			return err
		}
		jn := status.Shards[0].Journal
		if !jn.Began().IsZero() && jn.Bound().Dump == l.ID && jn.Undone().IsZero() && !p.isStale(jn) {
			return &loadstate.LaterError{Next: journal.Next{Dump: l.ID, Number: n, Root: status.Root, Place: m.Location}}
		}
	}
}

// follows returns what the journal of a delta keeps of the load before it.
func (j *job) follows(ctx context.Context) (*journal.After, error) {
	a := &journal.After{Dump: j.delta.After, Number: j.Number}
	if j.before != nil {
		a = j.before.After(j.Number)
	} else if j.Rewrite.TTL.GoesByBegin() {
		return nil, fmt.Errorf("%w: --ttl shift and --ttl-min go by when the base was loaded, and no journal of that is found: give its --base, or --state", exitcode.ErrRefused)
	}
	a.Base = cmp.Or(storage.Abs(j.Base), a.Base)
	if j.Rewrite.TTL.Mode == rewrite.Shift && a.Started.IsZero() {
		if a.Base == "" {
			return nil, fmt.Errorf("%w: --ttl shift goes by when the dump of the base began: say with --base where that lies", exitcode.ErrRefused)
		}
		base, err := archive.Open(ctx, a.Base, 1, j.Keys.Identities...)
		if err != nil {
			return nil, err
		}
		defer base.Close()
		if base.Manifest.Dump != j.delta.Base {
			return nil, fmt.Errorf("%w: --base %s is dump %s, and the base of this delta is dump %s", exitcode.ErrRefused, a.Base, base.Manifest.Dump, j.delta.Base)
		}
		a.Started = rewrite.Started(&base.Manifest.Info)
	}
	return a, nil
}

// identityOf is Identity, with what a delta takes over from the load that it follows.
func (j *job) identityOf(l *writer.Loader) journal.Identity {
	id := j.Identity(l)
	if j.delta == nil {
		return id
	}
	if id.After = j.after; j.before == nil {
		return id
	}
	was := j.before.Identity()
	for db, place := range was.Places {
		if _, own := id.Places[db]; !own {
			id.Places[db] = place
		}
	}
	if j.Rewrite.TTL.GoesByBegin() { // all of a chain go by one time
		id.Now = was.Now
	}
	return id
}

// checkBefore refuses a target that does not go with the load before, or does not hold it any more.
// Of its keys a sample is looked for, if its dump can be read.
func (p *inspection) checkBefore(ctx context.Context) error {
	if err := p.before.Check(p.Identity(p.l)); err != nil && !p.BaseLoaded {
		return err
	}
	if p.Certain || p.before.Location.Dump == loadstate.Stream {
		return nil
	}
	a, err := archive.OpenAny(ctx, p.before.Location.Dump, 1, p.Keys.Identities...)
	if err != nil || a.Manifest.Dump != p.delta.After {
		return nil // the journal says enough
	}
	defer a.Close()
	rules := &rewrite.Rules{Options: p.Rewrite} // a name with a suffix is one of a sample
	Begin(rules, *p.before.Identity(), a.Manifest)
	units := slices.DeleteFunc(p.Units(a), func(u archive.Unit) bool {
		_, reached := p.Target.Target.Keyspaces[u[0].DB]
		return !reached
	})
	before := p.Spec
	before.Dump, before.Number = p.before.Location.Dump, p.before.Location.Number
	for _, s := range p.before.Shards {
		there := before.Presence(p.l, s.Journal, rules, p.retry)
		if err := there.Check(ctx, a, loadstate.AssignUnits(s.Shard, units), p.log); err != nil {
			return err
		}
	}
	return nil
}
