package archive

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/s3server"
)

// TestInside: below a dump or a delta, finished or not, encrypted or not, in a bucket, too, no dump
// is begun, at any depth. What was begun there goes on, and so does a chain.
func TestInside(t *testing.T) {
	s3 := s3server.Start(t)
	begun, err := os.ReadFile("../../testdata/before/dump-shards/dump.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, root := range []string{t.TempDir(), s3.URL("all")} {
		put := func(name string) {
			store, err := storage.Create(t.Context(), root, storage.Options{})
			if err == nil {
				err = storage.WriteFile(store, name, begun)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range []string{"dump/dump.json", "secret/dump.json.age", "chain/000001/dump.json", "dump/old/dump.json", "dump/chain/000001/dump.json"} {
			put(name)
		}
		for place, inside := range map[string]bool{
			"dump": false, "dump.load/x": false, "other/dump": false, "chain": false, "chain/000002": false, "dump/old": false, "dump/chain": false, "dump/chain/000002": false,
			"dump/chunks": true, "dump/a/b/c": true, "dump/chunks/000001": true, "secret/x": true, "chain/000001/chunks": true, "dump/old/x": true, "dump/chain/000001/x": true,
		} {
			at := storage.Join(root, place)
			err := MustBeOutside(t.Context(), at)
			if errors.Is(err, ErrInside) != inside || !inside && err != nil {
				t.Errorf("%s: %v", at, err)
			}
			if !inside {
				continue
			}
			info := format.NewInfo("test", time.Now(), format.Source{}, format.Options{Databases: []int{0}, Types: format.Types})
			_, created := Create(t.Context(), at, info, Options{})
			_, resumed := Resume(t.Context(), at, info, Options{}, func(string) {})
			for _, err := range []error{created, resumed, CanCreate(t.Context(), at, storage.Options{})} {
				if !errors.Is(err, ErrInside) {
					t.Errorf("%s: %v", at, err)
				}
			}
			if _, err := os.Stat(at); err == nil {
				t.Errorf("%s was made", at)
			}
		}
	}
	t.Chdir(t.TempDir())
	if err := MustBeOutside(t.Context(), "x"); err != nil {
		t.Error(err)
	}
	for _, data := range [][]byte{begun, nil, []byte(`{"schema": 1}`)} { // pikadump dump --json > dump.json
		if err := os.WriteFile("dump.json", data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := MustBeOutside(t.Context(), filepath.Join(".", "x")); errors.Is(err, ErrInside) != (len(data) > 20) {
			t.Errorf("%q: %v", data, err)
		}
	}
}

// TestInsideNowhere: the working directory is gone, so that a relative place has no way up.
func TestInsideNowhere(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(gone, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir(gone)
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{"x", ".", "../../x"} {
		if err := MustBeOutside(t.Context(), at); err != nil {
			t.Errorf("%s: %v", at, err)
		}
	}
}
