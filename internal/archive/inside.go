package archive

import (
	"context"
	"errors"
	"fmt"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// ErrInside: something is to be written below a dump, whose files are its own.
var ErrInside = exitcode.New(exitcode.Refused, "this lies inside a dump")

// MustBeOutside returns ErrInside for a location below a dump or a delta, at any depth. A dump or a
// chain that was begun there goes on. A place that cannot be looked at is passed over.
func MustBeOutside(ctx context.Context, location string) error {
	at := storage.Abs(location)
	for first := true; ; first = false {
		if dir, err := storage.Open(ctx, at); err == nil {
			begun, _ := isBegun(dir, "")
			if chain, _ := isBegun(dir, deltaDir(1)+"/"); chain || begun && first {
				return nil
			}
			var foreign *format.CorruptError // the result of --json may have that name, too
			if _, err := ReadInfo(dir); begun && !errors.As(err, &foreign) {
				return fmt.Errorf("%w: %s is below %s: give another place", ErrInside, location, dir.Path(""))
			}
		}
		up, last := SplitLocation(at)
		if last == "" || up == at || storage.IsURL(at) && !storage.HasPrefix(at) {
			return nil
		}
		at = up
	}
}
