package load

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/retry"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
	"github.com/pika2kvrocks/pika2kvrocks/writer/checkpoint"
	"github.com/pika2kvrocks/pika2kvrocks/writer/readback"
)

// How much of each database is looked for, if nothing is found: records, of units all over it.
const (
	perLook        = 200 // keys, in one pipeline
	sampledUnits   = 16
	sampledRecords = 4096
	few            = 20 // keys, that are all missing, do not mean that a database was emptied if another was not
)

// A Presence looks whether the keys that a load has written, by its journal, are on the target: one
// that was emptied is not taken for one that was loaded. Schedulers always run with --resume.
type Presence struct {
	Target  *writer.Loader
	Journal *journal.Journal
	DBs     []int                 // that are loaded
	Keep    func(key []byte) bool // which keys are loaded; nil: all
	Rename  func(db int, kind format.Kind, key []byte) (newKey []byte, leaveOut string)
	Expire  func(expire int64) (newExpire int64, short bool) // nil: as it is
	Retry   retry.Policy                                     // the zero value: nothing is retried

	spec *Spec // of the load; nil: no deltas are behind it
}

// Check refuses a target that holds, in some database, none of a sample of the keys that the load
// has written, or no key at all where none can be sampled. Keys that the applications have deleted
// since, or that have expired, are no reason: one that is there is enough. Nor are those that
// deltas which are loaded behind have deleted.
func (p *Presence) Check(ctx context.Context, a *archive.Archive, units []archive.Unit, log io.Writer) error {
	s := p.Journal.Stats()
	loaded := map[int][]archive.Unit{}
	for _, u := range units {
		unit := p.Journal.Unit(u[0].Name).Position().Stats
		if left := unit.Left() - unit.LeftOut[writer.ReasonExists]; unit.Keys > 0 && left == 0 {
			loaded[u[0].DB] = append(loaded[u[0].DB], u)
		}
	}
	behind, err := loadstate.AllBehind(ctx, p.Journal)
	if err != nil {
		return err
	}
	var gone []string // databases of so few keys that these may have been used up while the others are there
	seen, sampled := false, false
	for db, units := range loaded {
		missing, found, err := p.look(ctx, a, db, units)
		sampled = sampled || found || len(missing) > 0
		if err == nil && !found && len(missing) > 0 {
			missing, found, err = p.notDeleted(ctx, behind, missing, len(missing), log)
		}
		if err != nil {
			return err
		}
		what := fmt.Sprintf("none of %s of database %d", progress.Plural(len(missing), "sampled key", "sampled keys"), db)
		switch {
		case found:
			seen = true
		case len(missing) >= few:
			return p.emptied(ctx, what, s.Keys)
		case len(missing) > 0:
			gone = append(gone, what)
		}
	}
	if len(gone) > 0 && !seen && len(behind) == 0 {
		return p.emptied(ctx, strings.Join(gone, " and "), s.Keys)
	}
	for _, what := range gone {
		p.warn(log, fmt.Sprintf("the target holds %s: kvload verify tells what is missing", what))
	}
	if seen || s.Keys <= s.Expiring { // all may be over by now
		return nil
	}
	n, _, err := p.Target.Count(ctx, 1, p.DBs...)
	if err != nil || n > 0 { // of few keys that deltas have left, the look at the end says more
		return err
	}
	removed := int64(0)
	for _, d := range behind {
		removed += d.MayHaveRemoved()
	}
	if len(behind) > 0 && len(gone) == 0 && (sampled || s.Keys-s.Expiring <= removed) {
		p.warn(log, fmt.Sprintf("the target %s holds no key: deltas that are loaded behind may have deleted them; kvload verify --in CHAIN tells", p.Target.Addr))
		return nil
	}
	return p.emptied(ctx, "no key", s.Keys)
}

// warn says what does not end the run.
func (p *Presence) warn(log io.Writer, text string) {
	fmt.Fprintln(log, "warning:", text)
	if p.spec != nil {
		p.spec.Summary.Note(text)
	}
}

// retry returns what a readback.Client asks whether to try again.
func (p *Presence) retry() readback.RetryFunc {
	if p.Retry.Kind == nil {
		return nil
	}
	return p.Retry.Start().Wait
}

// emptied refuses a target that holds nothing of what was loaded. Below a delta all is missing.
func (p *Presence) emptied(ctx context.Context, what string, keys int64) error {
	help := "Remove " + p.Journal.Path() + " to load from the beginning"
	if after := p.Journal.Bound().After; after != nil {
		root, err := loadstate.Lowest(ctx, p.Journal)
		if err != nil {
			return err
		}
		help = fmt.Sprintf("Remove %s and load the base from the beginning (kvload load --uri redis://%s --in %s): all deltas are loaded anew behind it",
			cmp.Or(root, p.Journal.Path()+", the journals of the deltas below"), p.Target.Addr, cmp.Or(after.Base, "BASE"))
	}
	return fmt.Errorf("%w: the target %s holds %s, but by the journal %s loaded: was it emptied? %s",
		exitcode.ErrRefused, p.Target.Addr, what, progress.Plural(keys, "key was", "keys were"), help)
}

// look looks for keys of some of the units until one is found.
func (p *Presence) look(ctx context.Context, a *archive.Archive, db int, units []archive.Unit) (missing []LoadedKey, found bool, err error) {
	v := readback.New(p.Target.Target, db, p.retry())
	defer func() { err = errors.Join(err, v.Close()) }()
	n := min(len(units), sampledUnits)
	for i := range n {
		u := units[i*len(units)/n]
		upTo := int64(0)
		if ju := p.Journal.Unit(u[0].Name); !ju.IsDone() {
			if upTo = ju.Position().Record; upTo == 0 {
				continue
			}
		}
		keys, err := p.keys(a, u, sampledRecords/n, sampledRecords, upTo)
		if err != nil {
			return missing, false, err
		}
		for some := range slices.Chunk(keys, perLook) {
			gone, err := p.gone(ctx, v, some)
			if err != nil {
				return missing, false, err
			}
			if len(gone) < len(some) {
				return missing, true, nil
			}
			missing = append(missing, gone...)
		}
	}
	return missing, false, nil
}

// A LoadedKey is a key that the load has written.
type LoadedKey struct {
	db           int
	source, name []byte // in the dump, on the target
	expire       int64  // on the target, in Unix ms; 0: never
}

// gone returns the keys that are not on the target, though they have not expired.
func (p *Presence) gone(ctx context.Context, v *readback.Client, keys []LoadedKey) (gone []LoadedKey, err error) {
	names := make([][]byte, len(keys))
	for i := range keys {
		names[i] = keys[i].name
	}
	looks, err := v.Info(ctx, names)
	if err != nil {
		return nil, err
	}
	p.Target.Now(ctx)
	soon := p.soon()
	for i, k := range keys {
		if looks[i].Type == "none" && (k.expire == 0 || k.expire > soon) {
			gone = append(gone, k)
		}
	}
	return gone, nil
}

// soon is until when what expires may have expired.
func (p *Presence) soon() int64 {
	return p.Target.Clock().Add(2 * time.Second).UnixMilli()
}

// mostSampledName is of how many bytes the name of a sampled key may be.
const mostSampledName = 16 << 10

// keys returns some keys of a unit that the load has written and that have not expired, of up to so
// many of its first records. Only those up to record upTo are written; 0: all.
func (p *Presence) keys(a *archive.Archive, u archive.Unit, records, most int, upTo int64) (keys []LoadedKey, err error) {
	src, keep := a.OpenUnit(u), p.Keep
	defer src.Close()
	for n, number := 0, int64(0); n < records && len(keys) < most; n++ {
		record, err := src.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if record.Kind == format.Deleted || keep != nil && !keep(record.Key) {
			continue
		}
		if number++; upTo > 0 && number > upTo {
			break
		}
		keys = p.add(keys, u[0].DB, record)
	}
	return keys, nil
}

// add adds the key that a record ends, unless it may not be on the target.
func (p *Presence) add(keys []LoadedKey, db int, record *format.Record) []LoadedKey {
	expire, short := record.Expire, false
	if p.Expire != nil {
		expire, short = p.Expire(expire)
	}
	name, out := p.Rename(db, record.Kind, record.Key)
	if record.Part&format.PartLast == 0 || len(record.Key) > mostSampledName || short || out != "" || expire != 0 && expire < p.soon() {
		return keys
	}
	if record.Kind != format.Stream && len(record.Elems) == 0 && len(record.Value) == 0 {
		return keys // the last part of one that may hold nothing
	}
	k := LoadedKey{db, bytes.Clone(record.Key), name, expire}
	if name == nil {
		k.name = k.source
	}
	return append(keys, k)
}

// checkLast looks for the keys that were acknowledged last, before a connection was lost or a run
// ended. A server that has lost anything, such as a replica that lagged and took the place of its
// master, has lost these. Left counts those that may have been left out.
func (p *Presence) checkLast(ctx context.Context, last []LoadedKey, left checkpoint.Stats) error {
	if len(last) == 0 {
		return nil
	}
	once := *p
	once.Retry = retry.Policy{} // the worker tries again
	gone, err := once.lacking(ctx, last, nil)
	if err != nil || int64(len(gone)) <= left.Left()-left.LeftOut[writer.ReasonExists] {
		return err
	}
	return p.Journal.BeUnsure(p.lacks(len(gone), len(last)))
}

// countLimit is up to how many keys of a target are counted to say how many it has.
const countLimit = 100_000
