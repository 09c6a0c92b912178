//go:build !race

package storage

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
)

// TestCloudPlaces: places in the other clouds are read as those in S3 are.
func TestCloudPlaces(t *testing.T) {
	for location, shown := range map[string]string{"gs://b/p?x=y": "gs://b/p", "azblob://c/p": "azblob://c/p"} {
		p, err := parseURL(location)
		if err != nil || p.String() != shown || p.key("n") != "p/n" {
			t.Errorf("%s: %s, %s, %v", location, &p, p.key("n"), err)
		}
	}
}

// TestOpenClouds: clients of the other clouds are made from what their tools use.
func TestOpenClouds(t *testing.T) {
	t.Setenv("AZURE_STORAGE_ACCOUNT", "account")
	t.Setenv("AZURE_STORAGE_KEY", "a2V5")
	t.Setenv("STORAGE_EMULATOR_HOST", "127.0.0.1:1") // no credentials are looked for
	for _, location := range []string{"azblob://container/p", "gs://bucket/p"} {
		b, err := OpenBucket(t.Context(), location, Options{})
		if err != nil {
			t.Errorf("%s: %v", location, err)
			continue
		}
		if b.s3 != nil || b.Path("x") != location+"/x" {
			t.Errorf("%s: %s", location, b.Path("x"))
		}
	}
	for _, location := range []string{"gs://b/p?secret=hidden", "azblob://b/p?sas=hidden"} {
		if _, err := OpenBucket(t.Context(), location, Options{}); !errors.Is(err, ErrLocation) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", location, err)
		}
	}
}

// TestUnknownHost: a host whose name cannot be looked up is none whose objects are not there, as
// Azure's library has it.
func TestUnknownHost(t *testing.T) {
	t.Setenv("AZURE_STORAGE_ACCOUNT", "account")
	t.Setenv("AZURE_STORAGE_KEY", "a2V5")
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // once is enough
	b, err := OpenBucket(ctx, "azblob://container/p?domain=nosuch.invalid", Options{})
	if err != nil {
		t.Fatal(err)
	}
	b.work = t.Context() // of requests
	if _, err := b.Open("x"); !errors.Is(err, ErrUnavailable) || errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
