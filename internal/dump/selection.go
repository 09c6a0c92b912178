package dump

import (
	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/filter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/sample"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// A Selection says which keys of a source are dumped. The zero value is all.
type Selection struct {
	filter.Filter
	Sample    *sample.Sample // nil: all keys
	LimitKeys int64          // the first of each database and type; 0: all
}

// Of returns what is dumped of a source.
func (f *Selection) Of(s *reader.Scanner) (format.Options, error) {
	src := s.Source()
	o := format.Options{Types: s.Types(f.Types), Match: f.Match, Sample: f.Sample.Share(), LimitKeys: f.LimitKeys, Scan: format.ScanRange}
	if s.ByCursor() {
		o.Scan = format.ScanCursor
	}
	if len(o.Types) == 0 {
		return o, exitcode.Usagef("--type: Pika %s has no streams", src.Version)
	}
	for _, db := range f.DBs {
		if db >= src.Databases {
			return o, exitcode.Usagef("--db %d: the source has %s, numbered from 0", db, progress.Plural(src.Databases, "database", "databases"))
		}
	}
	for db := range src.Databases {
		if f.DB(db) {
			o.Databases = append(o.Databases, db)
		}
	}
	return o, nil
}

// isTrial reports whether only some of the keys are dumped that the filter chooses.
func (f *Selection) isTrial() bool { return f.Sample != nil || f.LimitKeys > 0 }

// keep returns what reports whether a key is to be dumped; nil: all are.
func (f *Selection) keep() func([]byte) bool {
	matches := f.Key()
	if f.Sample == nil {
		return matches
	}
	return func(key []byte) bool { return f.Sample.Holds(key) && (matches == nil || matches(key)) }
}

// pass makes a pass one over the chosen keys, of which it is to find so many at most; 0: all.
func (f *Selection) pass(p *reader.Pass, limit int64) *reader.Pass {
	p.Prefix, p.Keep, p.Limit = f.Prefix(), f.keep(), limit
	return p
}
