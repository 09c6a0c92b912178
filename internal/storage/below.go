package storage

import (
	"slices"
	"strings"
)

// Below returns a store of the files of s whose names begin with dir and a slash. It is locked with
// s, which lists its files beside its own.
func Below(s Store, dir string) Store { return &below{s, dir + "/"} }

type below struct {
	Store
	prefix string
}

func (b *below) Path(name string) string          { return b.Store.Path(strings.TrimSuffix(b.prefix+name, "/")) }
func (b *below) Open(name string) (Reader, error) { return b.Store.Open(b.prefix + name) }
func (b *below) Create(name string) (File, error) { return b.Store.Create(b.prefix + name) }
func (b *below) Remove(name string) error         { return b.Store.Remove(b.prefix + name) }
func (b *below) Lock() (Lock, error)              { return noLock{}, nil }
func (b *below) LockShard(string) (Lock, error)   { return noLock{}, nil }
func (b *below) Release(name string) error        { return Release(b.Store, b.prefix+name) }

func (b *below) List() ([]string, error) {
	names, err := b.Store.List()
	names = slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(n, b.prefix) })
	for i, n := range names {
		names[i] = n[len(b.prefix):]
	}
	return names, err
}

// noLock is the lock of what is locked already.
type noLock struct{}

func (noLock) Held() error   { return nil }
func (noLock) Unlock() error { return nil }
