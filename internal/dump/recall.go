package dump

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/sample"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

// Recall sets what a dump that is resumed was begun with, where nothing else is said: which keys,
// and by atSource at which address. What is said is compared when it is resumed. It logs what it
// sets.
func (o *Options) Recall(ctx context.Context, atSource bool) error {
	info, err := archive.Begun(ctx, o.Location, o.Archive.Keys.Identities...)
	switch {
	case err != nil && atSource:
		return refused(err, o.Location)
	case err != nil || info == nil: // whoever resumes it says so
		return nil
	}
	switch d := info.Delta; {
	case d == nil:
	case d.Made != format.MadeByScan:
		return exitcode.Usagef("--resume: %s is a delta of pikadump follow: the same pikadump follow continues its chain", o.Location)
	case o.Base == "":
		return exitcode.Usagef("--resume: %s is a delta of dump %s: say with --base where that is", o.Location, d.Base)
	}
	var said []string
	say := func(flag string, value any) { said = append(said, fmt.Sprintf("--%s %v", flag, value)) }
	if atSource {
		o.Reader.Addr = info.Source.Address
		say("uri", "redis://"+info.Source.Address)
	}
	if err := o.recallKeys(info, say); err != nil {
		return err
	}
	if said != nil {
		fmt.Fprintf(o.Log, "by %s in %s: %s\n", format.InfoName, summary.Place(o.Location), strings.Join(said, " "))
	}
	return nil
}

func (o *Options) recallKeys(info *format.Info, say func(flag string, value any)) error {
	s, was := &o.Selection, &info.Options
	if s.DBs == nil && len(was.Databases) < info.Source.Databases {
		s.DBs = was.Databases
		say("db", strings.Trim(strings.ReplaceAll(fmt.Sprint(was.Databases), " ", ","), "[]"))
	}
	lacks := func(t format.Type) bool { return !slices.Contains(was.Types, t) }
	switch i := slices.IndexFunc(format.Types, lacks); {
	case s.Types != nil || i < 0:
	case len(was.Types) == len(format.Types)-1 && lacks(format.TypeStream):
		o.Reader.NoStreams = true // which says nothing of a source that has none
	default:
		s.Types = was.Types
		say("type", strings.Trim(strings.ReplaceAll(fmt.Sprint(was.Types), " ", ","), "[]"))
	}
	if s.Match == "" && was.Match != "" {
		if err := s.SetMatch(was.Match); err != nil {
			return fmt.Errorf("%s of %s: %w", format.InfoName, o.Location, err)
		}
		say("match", fmt.Sprintf("%q", was.Match))
	}
	if s.Sample == nil && was.Sample != 0 {
		s.Sample = sample.Of(was.Sample)
		say("sample", was.Sample)
	}
	if s.LimitKeys == 0 && was.LimitKeys != 0 {
		s.LimitKeys = was.LimitKeys
		say("limit-keys", was.LimitKeys)
	}
	return nil
}
