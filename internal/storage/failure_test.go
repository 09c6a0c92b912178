package storage

import (
	"context"
	"errors"
	"io/fs"
	"testing"
)

// TestUnknownHost: a host whose name cannot be looked up is none whose objects are not there, as Azure's library has it.
func TestUnknownHost(t *testing.T) {
	t.Setenv("AZURE_STORAGE_ACCOUNT", "account")
	t.Setenv("AZURE_STORAGE_KEY", "a2V5")
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // once is enough
	b, err := OpenBucket(ctx, "azblob://container/p?domain=nosuch.invalid", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Open("x"); !errors.Is(err, ErrUnavailable) || errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
