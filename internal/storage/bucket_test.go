package storage

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/emulator"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/s3server"
)

// TestMain sets what clients of the server need, which tests that run in parallel cannot.
func TestMain(m *testing.M) {
	for _, variable := range slices.Concat(s3server.Environment, emulator.Environment) {
		name, value, _ := strings.Cut(variable, "=")
		os.Setenv(name, value)
	}
	m.Run()
}

// wait is that of the buckets of these tests, whose servers fail for a number of requests.
const wait = 10 * time.Millisecond

func createBucket(t *testing.T) (*Bucket, *s3server.Server) {
	t.Helper()
	s := s3server.Start(t)
	b, err := CreateBucket(t.Context(), s.URL("a/dump"), Options{Spool: t.TempDir(), Wait: wait})
	if err != nil {
		t.Fatal(err)
	}
	return b, s
}

// noise returns bytes that are not alike.
func noise(n int) []byte {
	data := make([]byte, n)
	x := uint32(1)
	for i := range data {
		x = x*1664525 + 1013904223
		data[i] = byte(x >> 24)
	}
	return data
}

func readAll(t *testing.T, b *Bucket, name string) []byte {
	t.Helper()
	r, err := b.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestBucket: what a Store promises.
func TestBucket(t *testing.T) {
	b, s := createBucket(t)
	if names := s.Objects(t, "a/dump"); len(names) > 0 {
		t.Errorf("the probe has left %v", names)
	}
	data := noise(3<<20 + 17)
	f, err := b.Create("x/y/z")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Open("x/y/z"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before Commit the object can be opened: %v", err)
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	f.Discard()
	if err := f.Commit(); err == nil {
		t.Error("Commit twice is no error")
	}
	if got := readAll(t, b, "x/y/z"); !bytes.Equal(got, data) {
		t.Errorf("%d bytes came back, not the %d that were written", len(got), len(data))
	}
	r, err := b.Open("x/y/z")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if sum := sha256.Sum256(data); r.Size() != int64(len(data)) || !bytes.Equal(r.SHA256(), sum[:]) {
		t.Errorf("size %d, hash %x", r.Size(), r.SHA256())
	}
	p := make([]byte, 100)
	for _, off := range []int64{0, 1 << 20, int64(len(data)) - 100} {
		if n, err := r.ReadAt(p, off); n != 100 || err != nil || !bytes.Equal(p, data[off:off+100]) {
			t.Errorf("ReadAt %d: %d, %v", off, n, err)
		}
	}
	if n, err := r.ReadAt(p, int64(len(data))-10); n != 10 || err != io.EOF {
		t.Errorf("ReadAt at the end: %d, %v", n, err)
	}
	if n, err := r.ReadAt(p, int64(len(data))); n != 0 || err != io.EOF {
		t.Errorf("ReadAt behind the end: %d, %v", n, err)
	}

	for _, name := range []string{"b", SettingsName, tempPrefix + "probe-old", "empty"} {
		if err := WriteFile(b, name, []byte(strings.TrimPrefix(name, "empty"))); err != nil {
			t.Fatal(err)
		}
	}
	if got := readAll(t, b, "empty"); len(got) > 0 {
		t.Errorf("the empty object has %q", got)
	}
	if names, err := b.List(); err != nil || !slices.Equal(names, []string{"b", "empty", "x/y/z"}) {
		t.Errorf("List has %v, %v", names, err)
	}
	if err := b.RemoveTemporaries(); err != nil {
		t.Fatal(err)
	}
	if err := b.Remove("empty"); err != nil {
		t.Fatal(err)
	}
	if err := b.Remove("empty"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Remove of what is not there: %v", err)
	}
	if names := s.Objects(t, "a/dump"); !slices.Equal(names, []string{SettingsName, "b", "x/y/z"}) {
		t.Errorf("the server has %v", names)
	}
	for _, name := range []string{"../outside", "", ".", "/etc/passwd", "x//y", "x/"} {
		if _, err := b.Open(name); err == nil {
			t.Errorf("Open takes %q", name)
		}
		if _, err := b.Create(name); err == nil {
			t.Errorf("Create takes %q", name)
		}
		if err := b.Remove(name); err == nil {
			t.Errorf("Remove takes %q", name)
		}
	}
	if left := onDisk(t, b.spool); len(left) > 0 {
		t.Errorf("in the spool there are %v", left)
	}
}

// TestBucketNoOverwrite: an object that is there stays as it is, also when it comes between Create
// and Commit, and where the store does not know conditions.
func TestBucketNoOverwrite(t *testing.T) {
	b, s := createBucket(t)
	for _, unconditional := range []bool{false, true} {
		b.unconditional.Store(unconditional)
		f, err := b.Create("x")
		if err != nil {
			t.Fatal(err)
		}
		if err := WriteFile(b, "x", []byte("first")); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte("second")); err != nil {
			t.Fatal(err)
		}
		if err := f.Commit(); !errors.Is(err, fs.ErrExist) {
			t.Errorf("Commit over an object: %v", err)
		}
		if _, err := b.Create("x"); !errors.Is(err, fs.ErrExist) {
			t.Errorf("Create over an object: %v", err)
		}
		if got := readAll(t, b, "x"); string(got) != "first" {
			t.Errorf("the object has %q", got)
		}
		if err := b.Remove("x"); err != nil {
			t.Fatal(err)
		}
	}
	b.unconditional.Store(false)
	refuse := func(r *http.Request) s3server.Fault {
		if r.Header.Get("If-None-Match") != "" {
			return s3server.Fault{Status: http.StatusNotImplemented}
		}
		return s3server.Fault{}
	}
	s.SetFault(refuse)
	if err := WriteFile(b, "y", []byte("first")); err != nil || !b.unconditional.Load() {
		t.Errorf("a store that takes no conditions: %v", err)
	}
	if err := b.putBytes("y", []byte("second")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over an object of a store that takes no conditions: %v", err)
	}
}

// TestProbe: a store that ignores conditions is known for it; one whose probe another run takes
// away is not.
func TestProbe(t *testing.T) {
	s := s3server.Start(t)
	for most, want := range []bool{false, false, true} {
		n := 0
		s.SetFault(func(r *http.Request) s3server.Fault {
			if r.Method == http.MethodPut {
				if n++; n > 1 && n <= most+1 {
					for _, name := range s.Objects(t, "probed") {
						_ = os.Remove(filepath.Join(s.Dir("probed"), name))
					}
				}
			}
			return s3server.Fault{}
		})
		b, err := CreateBucket(t.Context(), s.URL("probed"), Options{Wait: wait})
		if err != nil || b.unconditional.Load() != want {
			t.Errorf("taken away %d times: %v, %v", most, b, err)
		}
		if left := s.Objects(t, "probed"); len(left) > 0 {
			t.Errorf("%v are left over", left)
		}
	}
	s.SetFault(func(r *http.Request) s3server.Fault {
		if r.Header.Get("If-None-Match") != "" {
			return s3server.Fault{Status: http.StatusNotImplemented}
		}
		return s3server.Fault{}
	})
	if b, err := CreateBucket(t.Context(), s.URL("probed"), Options{Wait: wait}); err != nil || !b.unconditional.Load() {
		t.Errorf("a store that refuses conditions: %v, %v", b, err)
	}
	s.SetFault(func(r *http.Request) s3server.Fault {
		if r.Method == http.MethodDelete {
			for _, name := range s.Objects(t, "probed") {
				_ = os.Remove(filepath.Join(s.Dir("probed"), name))
			}
		}
		return s3server.Fault{}
	})
	if _, err := CreateBucket(t.Context(), s.URL("probed"), Options{Wait: wait}); err != nil {
		t.Error(err)
	}
}

// TestUploadFaults: a request that fails is sent again, and one whose answer is lost is known to
// have succeeded.
func TestUploadFaults(t *testing.T) {
	t.Parallel() // it waits most of the time
	b, s := createBucket(t)
	data := noise(1 << 20)
	for name, fault := range map[string]s3server.Fault{
		"500": {Status: 500}, "503": {Status: 503}, "lost": {Lost: true},
		"slow":    {Status: 400, Body: "<Error><Code>RequestTimeout</Code></Error>"},
		"cut":     {Status: 400, Body: "<Error><Code>IncompleteBody</Code></Error>"},
		"damaged": {Status: 400, Body: "<Error><Code>BadDigest</Code></Error>"},
	} {
		var n atomic.Int32
		s.SetFault(func(r *http.Request) s3server.Fault {
			if r.Method == http.MethodPut && n.Add(1) <= 4 { // more than the library tries
				return fault
			}
			return s3server.Fault{}
		})
		if err := WriteFile(b, name, data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n.Load() < 2 {
			t.Errorf("%s: no fault", name)
		}
		s.SetFault(nil)
		if got := readAll(t, b, name); !bytes.Equal(got, data) {
			t.Errorf("%s: the object has %d bytes", name, len(got))
		}
	}
	s.SetFault(func(r *http.Request) s3server.Fault {
		if r.Method == http.MethodPut {
			return s3server.Fault{Status: 400, Body: "<Error><Code>ExpiredToken</Code></Error>"}
		}
		return s3server.Fault{}
	})
	if err := WriteFile(b, "z", data); !errors.Is(err, ErrDenied) {
		t.Errorf("a session that is over: %v", err)
	}
	s.SetFault(func(*http.Request) s3server.Fault { return s3server.Fault{Status: 403} })
	if err := WriteFile(b, "z", data); !errors.Is(err, ErrDenied) {
		t.Errorf("403: %v", err)
	}
}

// TestDownloadFaults: a read that breaks goes on where it broke.
func TestDownloadFaults(t *testing.T) {
	t.Parallel() // it waits most of the time
	b, s := createBucket(t)
	data := noise(5 << 20)
	if err := WriteFile(b, "x", data); err != nil {
		t.Fatal(err)
	}
	var n atomic.Int32
	s.SetFault(func(r *http.Request) s3server.Fault {
		if r.Method != http.MethodGet {
			return s3server.Fault{}
		}
		switch n.Add(1) {
		case 1, 2, 3:
			return s3server.Fault{CutAfter: 700_001}
		case 4, 5, 6, 7:
			return s3server.Fault{Status: 500}
		}
		return s3server.Fault{}
	})
	before := len(s.Requests())
	if got := readAll(t, b, "x"); !bytes.Equal(got, data) {
		t.Errorf("%d bytes are not those that were written", len(got))
	}
	t.Log(s.Requests()[before:])
	if n.Load() < 8 {
		t.Errorf("%d requests, want at least 8", n.Load())
	}
	n.Store(0)
	r, err := b.Open("x")
	if err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 4<<20)
	if _, err := r.ReadAt(p, 1<<20); err != nil || !bytes.Equal(p, data[1<<20:]) {
		t.Errorf("ReadAt: %v", err)
	}
	r.Close()

	s.SetFault(func(r *http.Request) s3server.Fault {
		if r.Method == http.MethodGet {
			return s3server.Fault{CutAfter: 1}
		}
		return s3server.Fault{}
	})
	if err := os.Truncate(filepath.Join(s.Dir("a/dump"), "x"), 1000); err != nil {
		t.Fatal(err)
	}
	r = &objectReader{b: b, name: "x", size: int64(len(data))}
	if _, err := io.ReadAll(r); !errors.As(err, new(*format.CorruptError)) {
		t.Errorf("an object that has become shorter: %v", err)
	}
	r.Close()
}

// TestReadStopped: when the context of the bucket has ended, a read at an offset is not tried
// again.
func TestReadStopped(t *testing.T) {
	_, s := createBucket(t)
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	b, err := CreateBucket(ctx, s.URL("a/dump"), Options{Wait: wait})
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(b, "x", noise(100)); err != nil {
		t.Fatal(err)
	}
	r, err := b.Open("x")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s.SetFault(func(*http.Request) s3server.Fault {
		cancel(cause)
		return s3server.Fault{Status: 500}
	})
	if _, err := r.ReadAt(make([]byte, 10), 0); !errors.Is(err, cause) {
		t.Error(err)
	}
}

// TestReaderClosed: a reader that is closed early, while it reads ahead, holds nothing.
func TestReaderClosed(t *testing.T) {
	b, _ := createBucket(t)
	if err := WriteFile(b, "x", noise(8<<20)); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, 300_000} {
		r, err := b.Open("x")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(r, make([]byte, n)); err != nil {
			t.Error(err)
		}
		if err := r.Close(); err != nil { // waits for the goroutine
			t.Error(err)
		}
	}
}

// TestBucketLock: one run at a time.
func TestBucketLock(t *testing.T) {
	b, s := createBucket(t)
	l, err := b.Lock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Lock(); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "s3://dumps/a/dump/.lock") || !strings.Contains(err.Error(), "--break-lock") {
		t.Errorf("a second run: %v", err)
	}
	if err := l.Held(); err != nil {
		t.Error(err)
	}
	breaker, err := CreateBucket(t.Context(), s.URL("a/dump"), Options{BreakLock: true})
	if err != nil {
		t.Fatal(err)
	}
	second, err := breaker.Lock()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Held(); !errors.Is(err, ErrLocked) {
		t.Errorf("a lock that was broken is held: %v", err)
	}
	if err := l.Unlock(); !errors.Is(err, ErrLocked) {
		t.Errorf("a lock that was broken is undone: %v", err)
	}
	if err := second.Unlock(); err != nil {
		t.Error(err)
	}
	if names := s.Objects(t, "a/dump"); len(names) > 0 {
		t.Errorf("there are %v", names)
	}
}
