package encryption

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"

	"filippo.io/age"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
)

// ErrIdentity: an encrypted dump cannot be read with the identities that were given.
var ErrIdentity = exitcode.NewWithHint(exitcode.Auth, "the dump is encrypted", "")

// header returns the age header of dump.json, the first file of a dump, by which it is seen whether
// the identities are the right ones.
func (s *Store) header() ([]byte, error) {
	r, err := s.open(format.InfoName)
	if errors.As(err, new(*age.NoIdentityMatchError)) {
		if damaged := s.damaged(format.InfoName); damaged != nil {
			return nil, damaged
		}
		return nil, fmt.Errorf("%w: no --identity opens %s; give the one whose recipient the dump was made for", ErrIdentity, s.Path(format.InfoName))
	}
	if err != nil {
		return nil, err
	}
	return r.header, r.Close()
}

// mayGoOn makes sure that what is there can be read, and that what will be written is for the same
// recipients, as far as can be told.
func (s *Store) mayGoOn() error {
	if len(s.keys.Identities) == 0 {
		return fmt.Errorf("%w: no identity opens it: give --identity FILE beside --encrypt-to, or dump into another directory", ErrIdentity)
	}
	old, err := s.header()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var b bytes.Buffer
	w, err := age.Encrypt(&b, s.keys.Recipients...)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return fmt.Errorf("--encrypt-to: %w", err)
	}
	now, err := age.ExtractHeader(bytes.NewReader(b.Bytes()))
	if err == nil {
		_, err = age.DecryptHeader(now, s.keys.Identities...)
	}
	if err != nil || stanzas(now) != stanzas(old) {
		return fmt.Errorf("%w: --encrypt-to is not what it was at the start of the dump; give the same, or dump into another directory", ErrMixed)
	}
	return nil
}

// stanzas counts the recipients that a header is for.
func stanzas(header []byte) int { return bytes.Count(header, []byte("\n-> ")) }
