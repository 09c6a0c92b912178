package dump

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// TestDeltaOfBroken: if a file of the base, or of a delta before, is lost or damaged, the run says
// which, and nothing is taken for changed or deleted. When the file is back, it is resumed.
func TestDeltaOfBroken(t *testing.T) {
	srv := smallpika.Start(t, pikasim.Options{})
	base, chain := newDir(t), newDir(t)
	makeDump(t, srv.Addr(), base).ok(t)
	smallpika.Send(t, srv.Addr(), "SET s1 changed", "HSET h new v")
	first, out := archive.DeltaPath(chain, 1), archive.DeltaPath(chain, 2)
	makeDump(t, srv.Addr(), first, since(base)).ok(t)
	smallpika.Send(t, srv.Addr(), "SET s1 again", "DEL h")
	now := newDir(t)
	makeDump(t, srv.Addr(), now).ok(t)
	lose := func([]byte) []byte { return nil }
	damage := func(data []byte) []byte {
		data[len(data)/2] ^= 1
		return data
	}
	for i, x := range []struct {
		dir, file string
		harm      func([]byte) []byte
		code      int
	}{
		{base, "manifest.json", lose, exitcode.NoDump},
		{base, "manifest.json", damage, exitcode.Corrupt},
		{base, "chunks/db0/hash/000001.mpz", lose, exitcode.Corrupt},
		{base, "chunks/db0/hash/000001.mpz", damage, exitcode.Corrupt},
		{first, "manifest.json", lose, exitcode.Refused},
		{first, "dump.json", damage, exitcode.Corrupt},
		{first, "chunks/db0/string/000001.mpz", lose, exitcode.Corrupt},
		{first, "chunks/db0/hash/000001.mpz", damage, exitcode.Corrupt},
	} {
		t.Run(fmt.Sprint(i, " ", x.file), func(t *testing.T) {
			path := filepath.Join(x.dir, x.file)
			was, err := os.ReadFile(path)
			if err == nil {
				err = errors.Join(os.RemoveAll(out), os.Remove(path))
			}
			if now := x.harm(slices.Clone(was)); now != nil && err == nil {
				err = os.WriteFile(path, now, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			r := makeDump(t, srv.Addr(), out, since(base))
			code := exitcode.Of(r.err, nil)
			if errors.Is(r.err, reader.ErrRefused) {
				code = exitcode.Refused
			}
			if code != x.code || !strings.Contains(fmt.Sprint(r.err), filepath.Base(x.dir)) {
				t.Errorf("exit code %d, want %d: %v", code, x.code, r.err)
			}
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, was, 0o600); err != nil {
				t.Fatal(err)
			}
			makeDump(t, srv.Addr(), out, since(base), resume).ok(t)
			is := read(t, base)
			is.apply(read(t, first))
			is.apply(read(t, out))
			is.equals(t, read(t, now), time.Now())
			if got := namesOf(read(t, out)); len(got) != 2 {
				t.Errorf("the delta names %q", got)
			}
		})
	}
}
