package storage

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
)

// TestParsePlace: what a URL names. Nothing is asked of a store.
func TestParsePlace(t *testing.T) {
	for _, c := range []struct{ location, shown, key, bucket string }{
		{"s3://b/p/q", "s3://b/p/q", "p/q/n", "s3://b"},
		{"s3://b/p/?region=x&endpoint=http://h:1", "s3://b/p", "p/n", "s3://b?region=x&endpoint=http://h:1"},
		{"s3://b", "s3://b", "n", "s3://b"},
	} {
		p, err := parseURL(c.location)
		if err != nil {
			t.Errorf("%s: %v", c.location, err)
			continue
		}
		if p.String() != c.shown || p.key("n") != c.key || p.bucket.String() != c.bucket {
			t.Errorf("%s: %s, %s, %s", c.location, &p, p.key("n"), &p.bucket)
		}
		if got, want := p.Path("n"), c.shown+"/n"; got != want {
			t.Errorf("path %s, want %s", got, want)
		}
	}
	for _, location := range []string{"s3://", "s3:///p", "s3://b/a/../c", "s3://b/a//c", "s3://b/a%0a", "s3://b/./c", "http://b/p", "file:///tmp/x",
		"mem://", "s3://key:hidden@b/p", "s3://b/p#f", "s3://b/%zz?k=hidden", "s3://key:%zzhidden@b/p", "://b"} {
		err := Check(location)
		if err == nil {
			t.Errorf("%s is taken", location)
		} else if strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: the error repeats what may be secret: %v", location, err)
		}
	}
	for location, has := range map[string]bool{"s3://b/p": true, "s3://b/p/?region=x": true, "s3://b": false, "s3://b/?region=x": false, "s3://b?prefix=p/": false, "a/b": false} {
		if HasPrefix(location) != has {
			t.Errorf("HasPrefix(%q) is %v", location, !has)
		}
	}
	for _, location := range []string{"", "dump", "/a/b", "./s3:/b", "a:b"} {
		if IsURL(location) || Check(location) != nil {
			t.Errorf("%q is taken for a URL", location)
		}
	}
}

// TestOpenRefused: a query that the library refuses is not repeated, for it may hold a secret.
func TestOpenRefused(t *testing.T) {
	for _, location := range []string{"s3://b/p?nosuch=hidden", "s3://b/p?use_path_style=perhaps&secret_key=hidden"} {
		if _, err := OpenBucket(t.Context(), location, Options{Wait: wait}); !errors.Is(err, ErrLocation) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", location, err)
		}
	}
}

// TestNoGoogle: without credentials gs:// is refused; a file of credentials that is missing is no
// missing dump.
func TestNoGoogle(t *testing.T) {
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nonexistent")
	_, err := OpenBucket(t.Context(), "gs://b/p", Options{Wait: wait})
	if !errors.Is(err, ErrDenied) || errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	t.Setenv("AWS_CA_BUNDLE", "/nonexistent")
	_, err = OpenBucket(t.Context(), "s3://b/p?region=r", Options{Wait: wait})
	if !errors.Is(err, ErrLocation) || errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// TestHolderGone: only a process that is known not to run is taken for gone.
func TestHolderGone(t *testing.T) {
	h := newHolder()
	if h.gone() {
		t.Error("this process is taken for gone")
	}
	h.Process = 1 << 22 // above the largest number that Linux gives
	if !h.gone() {
		t.Error("a process that does not run is not taken for gone")
	}
	for _, change := range []func(*holder){
		func(h *holder) { h.Machine = "another" }, func(h *holder) { h.Machine = "" }, func(h *holder) { h.Host = "another" }, func(h *holder) { h.Process = 0 },
	} {
		other := h
		change(&other)
		if other.gone() {
			t.Errorf("%+v is taken for gone", other)
		}
	}
}
