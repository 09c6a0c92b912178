package e2e

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/pikasim"
)

// A locked opens the dumps that it has encrypted. Without one (nil) they are not.
type locked struct {
	id   *age.X25519Identity
	path string // of the identity file
}

func newLocked(t *testing.T) *locked {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	l := &locked{id, filepath.Join(t.TempDir(), "identity")}
	if err := os.WriteFile(l.path, []byte(id.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return l
}

// flags are those of pikadump.
func (l *locked) flags() []string {
	if l == nil {
		return nil
	}
	return []string{"--encrypt-to", l.id.Recipient().String(), "--identity", l.path}
}

// last returns the name of the file that is written last.
func (l *locked) last() string {
	if l == nil {
		return format.ManifestName
	}
	return format.InventoryName
}

// open decrypts a dump, by the age library alone, and returns where it is now.
func (l *locked) open(t *testing.T, dir string) string {
	t.Helper()
	if l == nil {
		return dir
	}
	plain := t.TempDir()
	for _, name := range allFiles(t, dir) {
		base, ok := strings.CutSuffix(name, format.EncryptedSuffix)
		if !ok && name == format.InventoryName {
			continue
		}
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		r, err := age.Decrypt(f, l.id)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		f.Close()
		path := filepath.Join(plain, base)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return plain
}

// TestEncryptedDumpCrash: the same of a dump that is encrypted.
func TestEncryptedDumpCrash(t *testing.T) {
	s, h := simulateCrash(t, pikasim.V355)
	c := newCrasher(t, s, h)
	c.locked = newLocked(t)
	tool(t, "kvload")
	c.afterEveryChunk(t)
	c.rounds(t)
}
