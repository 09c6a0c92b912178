package storage

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/emulator"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/s3server"
)

// An objectServer is a server of one of the stores.
type objectServer interface {
	URL(prefix string) string
	SetFault(f func(*http.Request) s3server.Fault)
}

// eachStore runs a test with each of the stores.
func eachStore(t *testing.T, test func(*testing.T, objectServer)) {
	t.Run("s3", func(t *testing.T) { test(t, s3server.Start(t)) })
	t.Run("gs", func(t *testing.T) { test(t, emulator.Google(t)) })
	t.Run("azblob", func(t *testing.T) { test(t, emulator.Azure(t)) })
}

// TestStores: what a Store promises, each of the stores keeps, under a prefix whose characters mean
// something in URLs.
func TestStores(t *testing.T) {
	eachStore(t, func(t *testing.T, s objectServer) {
		b, err := CreateBucket(t.Context(), s.URL("a b/%C3%BC+%25&'/dump"), Options{Spool: t.TempDir(), Wait: wait})
		if err != nil {
			t.Fatal(err)
		}
		if b.unconditional.Load() {
			t.Error("it is taken for a store without conditions")
		}
		data := noise(3<<20 + 17)
		for name, data := range map[string][]byte{"x/y z/1": data, "empty": nil, "small": []byte("small")} {
			if _, err := b.Open(name); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s, which is not there: %v", name, err)
			}
			if err := WriteFile(b, name, data); err != nil {
				t.Fatal(err)
			}
			if got := readAll(t, b, name); !bytes.Equal(got, data) {
				t.Errorf("%s has %d bytes", name, len(got))
			}
			if err := b.putBytes(name, []byte("another")); !errors.Is(err, fs.ErrExist) {
				t.Errorf("over %s: %v", name, err)
			}
		}
		r, err := b.Open("x/y z/1")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if r.Size() != int64(len(data)) || r.SHA256() == nil {
			t.Errorf("size %d, hash %x", r.Size(), r.SHA256())
		}
		p := make([]byte, 100)
		for _, off := range []int64{0, 1 << 20, int64(len(data)) - 100} {
			if n, err := r.ReadAt(p, off); n != 100 || err != nil || !bytes.Equal(p, data[off:off+100]) {
				t.Errorf("ReadAt %d: %d, %v", off, n, err)
			}
		}
		if names, err := b.List(); err != nil || !slices.Equal(names, []string{"empty", "small", "x/y z/1"}) {
			t.Errorf("List has %v, %v", names, err)
		}
		l, err := b.Lock()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Lock(); !errors.Is(err, ErrLocked) {
			t.Errorf("a second lock: %v", err)
		}
		if err := l.Unlock(); err != nil {
			t.Error(err)
		}
		if err := b.Remove("small"); err != nil {
			t.Error(err)
		}
		if err := b.Remove("small"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Remove of what is not there: %v", err)
		}
	})
}

// TestStoresFaults: each of the stores may answer late, not, or in part.
func TestStoresFaults(t *testing.T) {
	t.Parallel() // it waits most of the time
	eachStore(t, func(t *testing.T, s objectServer) {
		b, err := CreateBucket(t.Context(), s.URL("dump"), Options{Spool: t.TempDir(), Wait: wait})
		if err != nil {
			t.Fatal(err)
		}
		data := noise(1 << 20)
		faults := map[string]s3server.Fault{"429": {Status: 429}, "500": {Status: 500}, "503": {Status: 503}, "lost": {Lost: true}}
		for name, fault := range faults {
			var n atomic.Int32
			s.SetFault(func(r *http.Request) s3server.Fault {
				if (r.Method == http.MethodPut || r.Method == http.MethodPost) && n.Add(1) == 1 {
					return fault
				}
				return s3server.Fault{}
			})
			if err := WriteFile(b, name, data); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if n.Load() < 1 {
				t.Errorf("%s: no fault", name)
			}
		}
		var n atomic.Int32
		s.SetFault(func(r *http.Request) s3server.Fault {
			if r.Method != http.MethodGet || r.Header.Get("Range") == "" && !strings.HasPrefix(r.URL.RawQuery, "alt=media") && n.Load() > 1 {
				return s3server.Fault{}
			}
			if n.Add(1)%2 == 1 {
				return s3server.Fault{CutAfter: 300_001}
			}
			return s3server.Fault{Status: 500}
		})
		if got := readAll(t, b, "503"); !bytes.Equal(got, data) {
			t.Errorf("%d bytes are not those that were written", len(got))
		}
		s.SetFault(func(r *http.Request) s3server.Fault { return s3server.Fault{Status: 403} })
		if err := WriteFile(b, "z", data); !errors.Is(err, ErrDenied) {
			t.Errorf("403: %v", err)
		}
	})
}

// TestStoresStopped: a request ends with the context.
func TestStoresStopped(t *testing.T) {
	eachStore(t, func(t *testing.T, s objectServer) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cause := errors.New("enough")
		b, err := OpenBucket(ctx, s.URL("dump"), Options{Wait: wait})
		if err != nil {
			t.Fatal(err)
		}
		s.SetFault(func(r *http.Request) s3server.Fault {
			cancel(cause)
			<-r.Context().Done()
			return s3server.Fault{}
		})
		if _, err := b.List(); !errors.Is(err, cause) {
			t.Error(err)
		}
	})
}

// TestStoresRefused: a bucket that is not there is named, and no message is longer than a line.
func TestStoresRefused(t *testing.T) {
	eachStore(t, func(t *testing.T, s objectServer) {
		_, err := CreateBucket(t.Context(), strings.Replace(s.URL("dump"), "://dumps/", "://nothing/", 1), Options{Wait: wait})
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "there is no bucket nothing: make it") || strings.Contains(err.Error(), "\n") {
			t.Error(err)
		}
		b, err := OpenBucket(t.Context(), strings.Replace(s.URL("dump"), "://dumps/", "://nothing/", 1), Options{Wait: wait})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Open("manifest.json"); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "there is no bucket nothing") {
			t.Error(err)
		}
	})
}

// TestSupersede: who holds the lock replaces what came to a bucket under the names that it writes,
// in each of the stores, as long as it holds it; and never what only one of several runs can make.
func TestSupersede(t *testing.T) {
	eachStore(t, func(t *testing.T, s objectServer) {
		open := func() *Bucket {
			t.Helper()
			b, err := CreateBucket(t.Context(), s.URL("superseded"), Options{Spool: t.TempDir(), Wait: wait})
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		killed, b := open(), open()
		l, err := b.Lock()
		must(err)
		must(WriteFile(killed, "x", []byte("of a killed run")))
		if err := WriteFile(b, "x", []byte("of this one")); !errors.Is(err, fs.ErrExist) {
			t.Errorf("not allowed yet: %v", err)
		}
		Supersede(l)
		must(WriteFile(b, "x", []byte("of this one")))
		must(WriteFile(b, "x", []byte("once more")))
		if got := readAll(t, b, "x"); string(got) != "once more" {
			t.Errorf("it has %q", got)
		}
		stale, err := b.stat("x")
		must(err)
		must(WriteFile(b, "x", []byte("the newest")))
		if err := b.send("x", strings.NewReader("late"), 4, make([]byte, 32), stale.Version); !errors.Is(err, fs.ErrExist) {
			t.Errorf("in the place of a version that is gone: %v", err)
		}
		must(b.Remove("x"))
		if err := b.send("x", strings.NewReader("late"), 4, make([]byte, 32), stale.Version); !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("in the place of nothing: %v", err)
		}
		for _, name := range []string{ShardsName, "a/" + ClaimName(3)} {
			must(WriteFile(killed, name, []byte("first")))
			if err := WriteFile(b, name, []byte("second")); !errors.Is(err, fs.ErrExist) {
				t.Errorf("over %s: %v", name, err)
			}
		}
		must(WriteFile(killed, "y", []byte("of another")))
		must(b.Remove(lockName))
		if err := WriteFile(b, "y", []byte("of this one")); !errors.Is(err, ErrLocked) {
			t.Errorf("without the lock: %v", err)
		}
	})
}
