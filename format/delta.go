package format

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"time"
)

// Delta is what dump.json of a delta says beside what that of a full dump says: which dump it
// follows, and what it brings it up to (docs/FORMAT.md §13.1).
type Delta struct {
	Base   string           `json:"base"`   // id of the full dump below all deltas
	After  string           `json:"after"`  // id of the dump that it follows: the base, or the delta before
	Number int              `json:"number"` // 1 follows the base
	Made   string           `json:"made"`   // MadeByBinlog or MadeByScan
	From   []BinlogPosition `json:"from"`   // null: not known
	To     []BinlogPosition `json:"to"`     // where the next delta begins
	Until  time.Time        `json:"until"`  // by the source's clock: it has all writes up to then
	Last   bool             `json:"last,omitempty"`
	// Restarted says that the source was started again since it was last read as a whole: what was
	// written in the moment before may be in its data and not in its binlog (SERVERS.md P9), and
	// so in no delta.
	Restarted bool `json:"restarted,omitempty"`
	// LastItems are the last items of the binlog before To; of a database without, nothing is
	// known.
	LastItems []LastItem `json:"last_items,omitempty"`
}

// LastItem is where an item of the binlog begins, and its header in hexadecimal digits, by which it
// is known again: another history has another time there.
type LastItem struct {
	BinlogPosition
	Header string `json:"header"`
}

// The values of Delta.Made.
const (
	MadeByBinlog = "binlog" // names from the binlog
	MadeByScan   = "scan"   // names by comparing the source with what came before
)

// NewDelta returns the Info of a new delta, with an id of its own. Options are those of its base.
func NewDelta(tool string, started time.Time, source Source, options Options, d Delta) Info {
	in := NewInfo(tool, started, source, options)
	d.Until = d.Until.UTC().Truncate(time.Millisecond)
	in.Version, in.Delta = Version2, &d
	return in
}

// MergedID returns the id of the full dump that a base and the deltas behind it amount to, up to
// the one with the id last (docs/FORMAT.md §13.4).
func MergedID(base, last string) string {
	sum := sha256.Sum256([]byte("pika2kvrocks merge " + base + " " + last))
	return hex.EncodeToString(sum[:16])
}

// validateDelta checks that a delta, and only a delta, is of version 2, and what it says of itself.
func (in *Info) validateDelta() error {
	d := in.Delta
	switch {
	case d == nil && in.Version == Version1:
		return nil
	case d == nil:
		return fmt.Errorf("version %d without a delta", in.Version)
	case in.Version == Version1:
		return errors.New("a delta of version 1")
	case !dumpID.MatchString(d.Base) || !dumpID.MatchString(d.After):
		return errors.New("the id of its base, or of the dump that it follows, is not 32 hexadecimal digits")
	case d.Number < 1 || d.Number > MaxDelta:
		return fmt.Errorf("delta number %d: %w", d.Number, ErrLimit)
	case (d.Number == 1) != (d.After == d.Base) || in.Dump == d.Base || in.Dump == d.After:
		return fmt.Errorf("delta %d with id %s of base %s cannot follow %s", d.Number, in.Dump, d.Base, d.After)
	case d.Made != MadeByBinlog && d.Made != MadeByScan:
		return fmt.Errorf("unknown way to make a delta %q", short([]byte(d.Made)))
	case in.Options.Sample != 0 || in.Options.LimitKeys != 0:
		return errors.New("a delta of a trial, which does not hold all keys")
	case d.Until.IsZero():
		return errors.New("a delta that does not say until when it has all writes")
	}
	for _, positions := range [][]BinlogPosition{d.From, d.To} {
		last := -1
		for _, p := range positions {
			if p.DB <= last || p.DB > MaxDatabase || min(p.File, p.Offset) < 0 {
				return fmt.Errorf("binlog position %d %d of db%d is out of order or out of range", p.File, p.Offset, p.DB)
			}
			last = p.DB
		}
	}
	if err := d.validateItems(); err != nil {
		return err
	}
	if d.Made == MadeByBinlog {
		return d.validateWay()
	}
	return nil
}

// validateWay checks that a binlog leads from From to To, in each database.
func (d *Delta) validateWay() error {
	if len(d.From) == 0 || len(d.From) != len(d.To) {
		return errors.New("a delta from the binlog without its positions in it")
	}
	for i, from := range d.From {
		if to := d.To[i]; to.DB != from.DB || to.Before(from) {
			return fmt.Errorf("the binlog of db%d cannot lead from %d %d to %d %d of db%d", from.DB, from.File, from.Offset, to.File, to.Offset, to.DB)
		}
	}
	return nil
}

// validateItems checks that there is at most one last item of a database, before To.
func (d *Delta) validateItems() error {
	last := -1
	for _, it := range d.LastItems {
		to, ok := PositionOf(d.To, it.DB)
		if it.DB <= last || !ok || min(it.File, it.Offset) < 0 || !it.Before(to) || !itemHeader.MatchString(it.Header) {
			return fmt.Errorf("the last item of db%d, at %d %d, is out of order, not before the end, or no item", it.DB, it.File, it.Offset)
		}
		last = it.DB
	}
	return nil
}

// itemHeader is the 34 bytes of an item before its command.
var itemHeader = regexp.MustCompile(`^[0-9a-f]{68}$`)

// Follows returns why in is not the delta that directly follows before, a full dump or a delta; nil
// if it is.
func (in *Info) Follows(before *Info) error {
	base, number, at := before.Dump, 1, before.Source.Binlog
	if before.Delta != nil {
		base, number, at = before.Delta.Base, before.Delta.Number+1, before.Delta.To
	}
	d := in.Delta
	switch {
	case d == nil:
		return errors.New("it is a full dump")
	case before.Options.Sample != 0 || before.Options.LimitKeys != 0:
		return fmt.Errorf("dump %s is a trial, which does not hold all keys", before.Dump)
	case d.Base != base:
		return fmt.Errorf("its base is dump %s, not %s", d.Base, base)
	case d.Number != number || d.After != before.Dump:
		return fmt.Errorf("it is delta %d and follows dump %s, but delta %d was to follow dump %s", d.Number, d.After, number, before.Dump)
	case !slices.Equal(d.From, at):
		return fmt.Errorf("it begins at binlog positions %v, and the dump before it ends at %v", d.From, at)
	case !reflect.DeepEqual(in.Options, before.Options):
		return fmt.Errorf("its options %+v are not those of its base, %+v", in.Options, before.Options)
	}
	return nil
}
