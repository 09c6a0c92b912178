package archive

import (
	"fmt"
	"reflect"
	"strconv"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// sameDump refuses a run whose source or options are not those of the dump, and says which.
func sameDump(old, now *format.Info) error {
	text := func(v any) string {
		if s, ok := v.(string); ok {
			return strconv.Quote(s)
		}
		return fmt.Sprint(v)
	}
	if old.Options.Scan != format.ScanRange {
		return fmt.Errorf("%w: its source was scanned by cursor, which only works in one go; dump into another directory", ErrDiffers)
	}
	var was, is format.Delta // of a full dump: nothing
	for in, d := range map[*format.Info]*format.Delta{old: &was, now: &is} {
		if in.Delta != nil {
			*d = *in.Delta
		}
	}
	for _, f := range []struct {
		what string
		a, b any
	}{
		{"base", was.Base, is.Base},
		{"dump that it follows", was.After, is.After},
		{"number in the chain", was.Number, is.Number},
		{"way of making a delta", was.Made, is.Made},
		{"source address", old.Source.Address, now.Source.Address},
		{"source version", old.Source.Version, now.Source.Version},
		{"number of databases", old.Source.Databases, now.Source.Databases},
		{"choice of databases", old.Options.Databases, now.Options.Databases},
		{"choice of types", old.Options.Types, now.Options.Types},
		{"--match", old.Options.Match, now.Options.Match},
		{"--sample", old.Options.Sample, now.Options.Sample},
		{"--limit-keys", old.Options.LimitKeys, now.Options.LimitKeys},
		{"way of scanning", old.Options.Scan, now.Options.Scan},
	} {
		if !reflect.DeepEqual(f.a, f.b) {
			return fmt.Errorf("%w: its %s is %s, now it is %s; use the same, or dump into another directory", ErrDiffers, f.what, text(f.a), text(f.b))
		}
	}
	if err := old.Source.Contradicts(&now.Source); err != nil {
		return fmt.Errorf("%w: its source is not what answers at %s now, or its data were replaced: %w; let the address lead to the same Pika, or dump into another directory", ErrDiffers, now.Source.Address, err)
	}
	return nil
}
