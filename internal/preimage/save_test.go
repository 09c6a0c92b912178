package preimage

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
)

// TestLeft: what a run that was stopped had saved of the target is saved anew, and nothing else is
// touched.
func TestLeft(t *testing.T) {
	for _, tc := range []struct {
		addr, tool string
		finished   bool
		left       bool
	}{
		{"10.0.0.9:6666", "kvload 1.2", false, true}, {"10.0.0.9:6666", "kvload 1.0", false, true}, {"10.0.0.9:6666", "kvload 1.2", true, false},
		{"10.0.0.8:6666", "kvload 1.2", false, false}, {"10.0.0.9:6666", "pikadump 1.2", false, false},
	} {
		to := filepath.Join(t.TempDir(), "undo")
		src := format.Source{Address: tc.addr, Server: "kvrocks", Version: "2.10.1", Role: "master", Databases: 1, WriteBinlog: "unknown"}
		w, err := archive.Create(t.Context(), to, format.NewInfo(tc.tool, time.Now(), src, format.Options{Databases: []int{0}, Types: format.Types}), archive.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if tc.finished {
			for _, typ := range format.Types {
				err = errors.Join(err, w.Segment(0, typ, nil).Close(nil))
			}
			if err == nil {
				_, err = w.Finish(nil, false)
			}
		}
		w.Close()
		found, refused := CanSave(t.Context(), to, "10.0.0.9:6666", "kvload 1.2", encryption.Keys{}, storage.Options{})
		if err != nil || strings.Contains(found, "saved anew") != tc.left || (refused == nil) != tc.left {
			t.Errorf("%+v: %v, %q, %v", tc, err, found, refused)
		}
	}
	none := filepath.Join(t.TempDir(), "none")
	if found, err := CanSave(t.Context(), none, "10.0.0.9:6666", "kvload 1.2", encryption.Keys{}, storage.Options{}); err != nil || found != none+" is empty" {
		t.Error(found, err)
	}
}

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
