package preimage

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
)

// TestRefusal: what is where the dump is to be made is said, and whether it can be removed.
func TestRefusal(t *testing.T) {
	to := smalldump.Make(t, smalldump.Options{}, []format.Record{smalldump.String("a", "old")})
	says := func(want ...string) {
		t.Helper()
		err := Refusal(t.Context(), to, encryption.Keys{}, archive.CanCreate(t.Context(), to, storage.Options{}))
		if !errors.Is(err, exitcode.ErrRefused) {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("it does not say %q: %v", w, err)
			}
		}
	}
	says(to+" holds a finished dump", "give another directory")
	if err := os.Remove(filepath.Join(to, format.ManifestName)); err != nil {
		t.Fatal(err)
	}
	says(to+" is not empty", "has written nothing", "can be removed")
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if err := Refusal(t.Context(), to, encryption.Keys{}, archive.CanCreate(t.Context(), to, storage.Options{})); err != nil {
		t.Error(err)
	}
}
