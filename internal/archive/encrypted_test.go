package archive

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
)

// TestEncrypted: without the identity nothing of an encrypted dump can be read but how many files
// of which types it has, and how large they are; with it, the age library makes a dump of version 1
// of it, byte by byte.
func TestEncrypted(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	const marker = "MARKER"
	src := format.Source{Address: marker + ".example:9221", Server: "pika", Version: "3.5.5", Role: "master", Databases: 8}
	info := format.NewInfo("test", time.Now(), src, format.Options{Databases: []int{0}, Types: format.Types, Match: marker + "*"})
	dir := filepath.Join(t.TempDir(), "dump")
	w, err := Create(t.Context(), dir, info, Options{ChunkBytes: 1, Keys: encryption.Keys{Recipients: []age.Recipient{id.Recipient()}}})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	var strs []format.Record
	for _, n := range []string{"1", "2", "3"} {
		strs = append(strs, format.Record{Kind: format.String, Key: []byte(marker + n), Part: format.PartWhole, Value: []byte(strings.Repeat(marker, 1000) + noise(7, 100_000))})
	}
	write(t, w, 0, format.TypeString, strs...)
	seg := w.Segment(0, format.TypeList, nil)
	first, second := listRecord(marker+"1", format.PartWhole, marker), listRecord(marker+"2", format.PartWhole, marker)
	for _, do := range []error{seg.Record(&first), seg.Record(&second), seg.Skip([]byte(marker+"9"), "gone", marker), seg.Close(nil)} {
		if do != nil {
			t.Fatal(do)
		}
	}
	for _, typ := range format.Types {
		if typ != format.TypeString && typ != format.TypeList {
			write(t, w, 0, typ)
		}
	}
	m, err := w.Finish(nil, true)
	if err != nil {
		t.Fatal(err)
	}
	if m.Conflicts != 2 || len(m.Skipped) != 1 {
		t.Errorf("%d conflicts, skipped %v", m.Conflicts, m.Skipped)
	}
	plain := filepath.Join(t.TempDir(), "plain")
	err = filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if st, err := os.Stat(p); err != nil || st.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s can be read by others: %v, %v", p, st.Mode(), err)
		}
		rel, _ := filepath.Rel(dir, p)
		if e.IsDir() {
			return os.MkdirAll(filepath.Join(plain, rel), 0o700)
		}
		data, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		for _, secret := range []string{marker, "TUFSS0VS", m.Dump, "3.5.5", "gone", "\x28\xb5\x2f\xfd"} { // a word in base64, and how zstd begins
			if bytes.Contains(data, []byte(secret)) && len(secret) > 4 || bytes.HasPrefix(data, []byte(secret)) || strings.Contains(p, secret) {
				t.Errorf("%s shows %q", p, secret)
			}
		}
		base, ok := strings.CutSuffix(rel, ".age")
		if !ok && rel != ".lock" && rel != "encrypted.json" {
			t.Errorf("%s is not encrypted", rel)
		}
		if !ok {
			return nil
		}
		r, err := age.Decrypt(bytes.NewReader(data), id)
		if err != nil {
			return err
		}
		out, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(plain, base), out, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		dir string
		ids []age.Identity
	}{{plain, nil}, {dir, []age.Identity{id}}} {
		a, err := Open(t.Context(), tc.dir, 1, tc.ids...)
		if err != nil {
			t.Fatal(err)
		}
		bad, err := a.Check(t.Context(), func(format.ChunkInfo) {}, func(err error) { t.Error(err) })
		if bad != 0 || err != nil || a.Manifest.Dump != m.Dump {
			t.Errorf("%d, %v", bad, err)
		}
		a.Close()
	}
}
