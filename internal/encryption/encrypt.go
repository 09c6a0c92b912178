package encryption

import (
	"fmt"
	"io"

	"filippo.io/age"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// A file is being encrypted.
type file struct {
	storage.File // of the ciphertext
	s            *Store
	name         string
	w            io.WriteCloser   // encrypts
	hash         *format.FileHash // of the ciphertext
	key          []byte
}

// A keeper is a recipient that keeps the key of the file: the run that has written a file can read
// it without any identity.
type keeper struct {
	age.Recipient
	key *[]byte
}

func (k *keeper) Wrap(fileKey []byte) ([]*age.Stanza, error) {
	stanzas, _, err := k.WrapWithLabels(fileKey)
	return stanzas, err
}

// WrapWithLabels is for recipients that go together with some others only.
func (k *keeper) WrapWithLabels(fileKey []byte) ([]*age.Stanza, []string, error) {
	*k.key = append([]byte{}, fileKey...)
	if r, ok := k.Recipient.(age.RecipientWithLabels); ok {
		return r.WrapWithLabels(fileKey)
	}
	stanzas, err := k.Recipient.Wrap(fileKey)
	return stanzas, nil, err
}

func (f *file) Write(p []byte) (int, error) { return f.w.Write(p) }

// Commit makes the file visible; with the manifest the dump is finished.
func (f *file) Commit() error {
	if err := f.w.Close(); err != nil {
		f.Discard()
		return fmt.Errorf("encrypt %s: %w", f.name, err)
	}
	if err := f.File.Commit(); err != nil {
		return err
	}
	f.s.mu.Lock()
	f.s.files[f.name] = f.hash.File(f.name + format.EncryptedSuffix)
	f.s.fileKeys[f.name] = f.key
	f.s.mu.Unlock()
	if f.name != format.ManifestName {
		return nil
	}
	return f.s.finish()
}
