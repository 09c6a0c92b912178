package verifytarget

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
)

// TestReadLeftOut: a list that the user names must be there and be one; that of the load need not
// be there.
func TestReadLeftOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report")
	if err := os.WriteFile(path, []byte("no report\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, o := range []Options{{LeftOut: path}, {LeftOut: path + "-none"}} {
		if _, err := o.readLeftOut(); !errors.As(err, new(*exitcode.UsageError)) {
			t.Errorf("%s: %v", o.LeftOut, err)
		}
	}
	o := Options{OpenLeftOut: func() (io.ReadCloser, error) { return nil, fs.ErrNotExist }}
	if list, err := o.readLeftOut(); list != nil || err != nil {
		t.Errorf("%v, %v", list, err)
	}
}
