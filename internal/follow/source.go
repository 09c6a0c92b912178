package follow

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
	"github.com/pika2kvrocks/pika2kvrocks/reader/binlog"
)

// A refusal says that a source cannot be followed behind a dump, but has to be compared with it.
type refusal struct{ error }

func (e *refusal) Unwrap() error { return e.error }

// SaysWhatToDo tells whoever shows the error that no hint is needed.
func (e *refusal) SaysWhatToDo() bool { return true }

// CannotFollow reports whether an error says that the binlog cannot be followed any further, so
// that a comparison has to find what was written.
func CannotFollow(err error) bool {
	return errors.As(err, new(*refusal)) || errors.As(err, new(*binlog.PositionError)) || errors.As(err, new(*binlog.UnknownDatabaseError)) ||
		errors.As(err, new(*binlog.CommandError)) || errors.As(err, new(*binlog.ItemError))
}

// canFollow says why a dump cannot be followed, whatever the source.
func canFollow(base *format.Info) error {
	switch o := base.Options; {
	case o.Sample != 0 || o.LimitKeys != 0:
		return fmt.Errorf("%w: the base is a trial (--sample or --limit-keys): make one of all keys, pikadump dump --out DIR", reader.ErrRefused)
	case base.Source.Replica():
		return fmt.Errorf("%w: the base was made of a replica, whose position may be ahead of its data, so that a delta could miss a write: follow its master, from a base that was made of the master; "+
			"or compare, pikadump dump --base", reader.ErrRefused)
	case base.Source.WriteBinlog == "no" || len(base.Source.Binlog) == 0:
		return fmt.Errorf("%w: when the base was made the source wrote no binlog, or its position could not be seen: set write-binlog to yes at the source, and make a new base, pikadump dump --out DIR", reader.ErrRefused)
	}
	return nil
}

// sameSource says why a server cannot be that of the base and the deltas, the last of which ends at
// a position.
func sameSource(dumps []*format.Info, at []format.BinlogPosition, now *reader.ServerInfo) (err error) {
	base, last := &dumps[0].Source, &dumps[len(dumps)-1].Source
	behind := *last
	behind.Binlog = at
	same := slices.ContainsFunc(dumps, func(d *format.Info) bool { return d.Source.RunID != "" && d.Source.RunID == now.RunID })
	contradiction := behind.Contradicts(&now.Source)
	switch {
	case now.Replica():
		err = fmt.Errorf("%w: the source is a replica, which logs what is written before its data have it, so that a delta could miss it: follow its master, from a base that was made of the master; "+
			"or compare, pikadump dump --base", reader.ErrRefused)
	case !now.Follows():
		err = fmt.Errorf("%w: Pika %s cannot be followed, 3.4 to 4.0 can: compare, pikadump dump --base", reader.ErrRefused, now.Version)
	case now.WriteBinlog == "no":
		err = fmt.Errorf("%w: the source writes no binlog (write-binlog no): compare, pikadump dump --base", reader.ErrRefused)
	case now.Databases != base.Databases:
		err = fmt.Errorf("%w: the source has other databases than when the base was made (%d, and were %d): compare, pikadump dump --base", reader.ErrRefused, now.Databases, base.Databases)
	case now.Version != base.Version:
		err = fmt.Errorf("%w: the source is Pika %s, and was %s when the base was made: compare, pikadump dump --base", reader.ErrRefused, now.Version, base.Version)
	case !same && now.Address != last.Address:
		err = fmt.Errorf("%w: %s is another server than %s, of which the base was made, or was restarted since: a position in a binlog means nothing on another server. "+
			"Give the address of then, if it is the same server; else compare, pikadump dump --base", reader.ErrRefused, now.Address, last.Address)
	case contradiction != nil:
		err = fmt.Errorf("%w: %s is not the server that the base was made of, or its data were replaced: %w: compare, pikadump dump --base", reader.ErrRefused, now.Address, contradiction)
	default:
		return nil
	}
	return &refusal{err}
}

// options says what of a source is followed.
func options(base *format.Info) string {
	o := base.Options
	var dbs []string
	for _, db := range o.Databases {
		dbs = append(dbs, fmt.Sprintf("db%d", db))
	}
	text := strings.Join(dbs, ", ")
	if o.Match != "" {
		text += ", keys that match " + o.Match
	}
	return text
}
