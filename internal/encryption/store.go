// Package encryption keeps the files of a dump encrypted: a storage.Store around another, in which
// every file NAME is NAME.age, an age file of the same bytes. Beside them stands, in clear and
// written last, encrypted.json, by which the files can be checked without the identity
// (docs/FORMAT.md §11).
//
//	dir, err = encryption.Create(dir, keys, resume)   // what is written there is encrypted
//	dir, err = encryption.Open(dir, keys.Identities)  // what is read there is in clear
//
// It never writes a file of the dump in clear, and keeps no identity.
package encryption

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"filippo.io/age"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// ErrMixed: the dump is encrypted in part, or would be if the run went on.
var ErrMixed = exitcode.New(exitcode.Refused, "encrypted and plain files do not go together in one dump")

// Keys are the recipients that files are encrypted to, and the identities that they are read with.
type Keys struct {
	Recipients []age.Recipient
	Identities []age.Identity
	Plain      bool // what is made of something encrypted need not be
}

// Check refuses to write in clear, unasked, what is made of something encrypted.
func (k *Keys) Check(encrypted bool, of string) error {
	if !encrypted || k.Plain || len(k.Recipients) > 0 {
		return nil
	}
	return exitcode.Usagef("%s is encrypted: give --encrypt-to RECIPIENT, or --plain if what is made of it need not be", of)
}

// A Store encrypts what is written to another and decrypts what is read from it. What it has
// written itself it can read without any identity. The manifest is there for it when encrypted.json
// is, which is written behind it.
type Store struct {
	storage.Store
	keys Keys

	mu       sync.Mutex
	fileKeys map[string][]byte      // of the files that this store has written
	files    map[string]format.File // the same, as encrypted.json lists them; by plain name
	names    map[string]bool        // of all files of the dump, which encrypted.json lists
}

// Open returns the store in which the dump in dir can be read: dir itself if the dump is
// not encrypted.
func Open(dir storage.Store, identities []age.Identity) (storage.Store, error) {
	encrypted, _, err := look(dir)
	if err != nil || !encrypted {
		return dir, err
	}
	if len(identities) == 0 {
		return nil, fmt.Errorf("%w: %s can be read with --identity FILE only", ErrIdentity, dir.Path(""))
	}
	s := newStore(dir, Keys{Identities: identities})
	if _, err := s.header(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return s, nil
}

// Create returns the store in which a dump is to be begun or resumed: dir itself if there
// are no recipients.
func Create(dir storage.Store, keys Keys, resume bool) (storage.Store, error) {
	encrypted, plain, err := look(dir)
	if err != nil {
		return nil, err
	}
	if len(keys.Recipients) == 0 {
		if encrypted && resume {
			return nil, fmt.Errorf("%w: no identity opens that in %s: to resume it, give --identity FILE, and --encrypt-to as at its start",
				ErrIdentity, dir.Path(""))
		}
		return dir, nil
	}
	s := newStore(dir, keys)
	switch {
	case plain && resume:
		return nil, fmt.Errorf("%w: that in %s is not encrypted: resume it without --encrypt-to, or dump into another directory", ErrMixed, dir.Path(""))
	case plain: // whoever begins a dump finds that the place is not empty
		return dir, nil
	case encrypted && resume:
		return s, s.mayGoOn()
	}
	return s, nil
}

func newStore(dir storage.Store, keys Keys) *Store {
	return &Store{Store: dir, keys: keys, fileKeys: map[string][]byte{}, files: map[string]format.File{}}
}

// look says whether dir holds files of an encrypted dump, or of one that is not.
func look(dir storage.Store) (encrypted, plain bool, err error) {
	names, err := dir.List()
	if err != nil {
		return false, false, err
	}
	one, other := "", ""
	for _, n := range names {
		switch _, isAge, ok := format.ParseFileName(n); {
		case ok && isAge:
			encrypted, one = true, n
		case ok:
			plain, other = true, n
		}
	}
	if encrypted && plain {
		return true, true, fmt.Errorf("%w: %s holds both %s and %s; one of them does not belong there", ErrMixed, dir.Path(""), one, other)
	}
	return encrypted, plain, nil
}

func (s *Store) Path(name string) string {
	if name == "" {
		return s.Store.Path("")
	}
	return s.Store.Path(name + format.EncryptedSuffix)
}

// Open opens a file; its size is that of what was encrypted.
func (s *Store) Open(name string) (storage.Reader, error) {
	if name == format.ManifestName {
		inventory, err := s.Store.Open(format.InventoryName)
		if err != nil {
			return nil, err
		}
		inventory.Close()
	}
	r, err := s.open(name)
	if errors.As(err, new(*age.NoIdentityMatchError)) {
		err = &format.CorruptError{Name: name, Err: errors.New("it is not encrypted for the recipients of the dump, or its header is damaged")}
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// removeHalf removes a manifest without encrypted.json, which a run that was killed has left, and
// encrypted.json without a manifest, which was lost: neither counts.
func (s *Store) removeHalf() error {
	const manifest = format.ManifestName + format.EncryptedSuffix
	inventory, err := storage.Exists(s.Store, format.InventoryName)
	if err != nil {
		return err
	}
	there, err := storage.Exists(s.Store, manifest)
	switch {
	case err != nil:
		return err
	case there && !inventory:
		return s.Store.Remove(manifest)
	case inventory && !there:
		return s.Store.Remove(format.InventoryName)
	}
	return nil
}

func (s *Store) Create(name string) (storage.File, error) {
	if name == format.ManifestName {
		if err := s.removeHalf(); err != nil {
			return nil, err
		}
	}
	inner, err := s.Store.Create(name + format.EncryptedSuffix)
	if err != nil {
		return nil, err
	}
	f := &file{File: inner, s: s, name: name, hash: format.NewFileHash()}
	to := slices.Clone(s.keys.Recipients)
	to[0] = &keeper{to[0], &f.key}
	f.w, err = age.Encrypt(io.MultiWriter(inner, f.hash), to...)
	if err != nil {
		inner.Discard()
		return nil, fmt.Errorf("encrypt %s: %w", name, err)
	}
	return f, nil
}

// Remove removes a file. Without encrypted.json the manifest does not count: it goes first.
func (s *Store) Remove(name string) error {
	if name == format.ManifestName {
		if err := s.Store.Remove(format.InventoryName); err != nil {
			return err
		}
	}
	s.mu.Lock()
	delete(s.files, name)
	delete(s.fileKeys, name)
	s.mu.Unlock()
	return s.Store.Remove(name + format.EncryptedSuffix)
}

// List returns the names of all files. Those that are not encrypted have no place in the dump, and
// stand in the list as they are.
func (s *Store) List() ([]string, error) {
	names, err := s.Store.List()
	finished := slices.Contains(names, format.InventoryName)
	names = slices.DeleteFunc(names, func(n string) bool {
		return n == format.InventoryName || n == format.ManifestName+format.EncryptedSuffix && !finished
	})
	for i, n := range names {
		names[i] = strings.TrimSuffix(n, format.EncryptedSuffix)
	}
	slices.Sort(names)
	return names, err
}

func (s *Store) Release(name string) error {
	return storage.Release(s.Store, name+format.EncryptedSuffix)
}

// SetFiles says which files the dump has, the manifest among them: encrypted.json lists no others.
func (s *Store) SetFiles(names map[string]bool) { s.names = names }

// IsEncrypted reports whether dir holds files of an encrypted dump.
func IsEncrypted(dir storage.Store) bool {
	encrypted, _, err := look(dir)
	return encrypted && err == nil
}
