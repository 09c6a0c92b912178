//go:build !race

package clouds

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// TestOpenClouds: clients of the other clouds are made from what their tools use, and their places
// are read as those in S3 are.
func TestOpenClouds(t *testing.T) {
	t.Setenv("AZURE_STORAGE_ACCOUNT", "account")
	t.Setenv("AZURE_STORAGE_KEY", "a2V5")
	t.Setenv("STORAGE_EMULATOR_HOST", "127.0.0.1:1") // no credentials are looked for
	for _, location := range []string{"azblob://container/p", "gs://bucket/p", "gs://bucket/p?anonymous=true"} {
		b, err := storage.OpenBucket(t.Context(), location, storage.Options{})
		if err != nil {
			t.Errorf("%s: %v", location, err)
			continue
		}
		if shown, _, _ := strings.Cut(location, "?"); b.Path("x") != shown+"/x" {
			t.Errorf("%s: %s", location, b.Path("x"))
		}
	}
	for _, location := range []string{"gs://b/p?secret=hidden", "azblob://b/p?sas=hidden"} {
		if _, err := storage.OpenBucket(t.Context(), location, storage.Options{}); !errors.Is(err, storage.ErrLocation) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", location, err)
		}
	}
}

// TestUnknownHost: a host whose name cannot be looked up is none whose objects are not there, as
// Azure's library has it.
func TestUnknownHost(t *testing.T) {
	t.Setenv("AZURE_STORAGE_ACCOUNT", "account")
	t.Setenv("AZURE_STORAGE_KEY", "a2V5")
	b, err := storage.OpenBucket(t.Context(), "azblob://container/p?domain=nosuch.invalid", storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Open("x"); !errors.Is(err, storage.ErrUnavailable) || errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// TestNoGoogle: without credentials gs:// is refused, and nothing is printed to stdout.
func TestNoGoogle(t *testing.T) {
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nonexistent")
	if _, err := storage.OpenBucket(t.Context(), "gs://dumps/x", storage.Options{}); !errors.Is(err, storage.ErrDenied) || !strings.Contains(err.Error(), "GOOGLE_APPLICATION_CREDENTIALS") {
		t.Errorf("got %v", err)
	}
}
