package encryption

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"filippo.io/age"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

func identity(t *testing.T) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func keys(ids ...*age.X25519Identity) (k Keys) {
	for _, id := range ids {
		k.Recipients = append(k.Recipients, id.Recipient())
		k.Identities = append(k.Identities, id)
	}
	return k
}

func mustCreate(t *testing.T, dir storage.Store, k Keys, resume bool) *Store {
	t.Helper()
	s, err := Create(dir, k, resume)
	if err != nil {
		t.Fatal(err)
	}
	return s.(*Store)
}

func localDir(t *testing.T) *storage.Dir {
	t.Helper()
	dir, err := storage.CreateDir(filepath.Join(t.TempDir(), "dump"))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// fill writes files of all sizes that can go wrong, and finishes the dump.
func fill(t *testing.T, s storage.Store) map[string][]byte {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	files := map[string][]byte{}
	for i, size := range []int{0, 1, pieceSize - 1, pieceSize, pieceSize + 1, 3 * pieceSize, 200_000} {
		files[format.ChunkName(0, format.TypeString, i+1)] = random(rng, size)
	}
	files[format.InfoName] = random(rng, 300)
	files[format.ManifestName] = random(rng, 3000)
	names := []string{}
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	setFiles(s, files)
	for _, name := range append(slices.DeleteFunc(names, func(n string) bool { return n == format.ManifestName }), format.ManifestName) {
		if err := storage.WriteFile(s, name, files[name]); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// setFiles tells a store of which files a dump consists.
func setFiles(s storage.Store, files map[string][]byte) {
	names := map[string]bool{}
	for name := range files {
		names[name] = true
	}
	s.(*Store).SetFiles(names)
}

func random(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// TestRead: what is read, in one go and at random, is what was written, by each of the recipients
// and by the store that wrote it, which has no identity.
func TestRead(t *testing.T) {
	one, two := identity(t), identity(t)
	hybrid, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name       string
		recipients []age.Recipient
		readers    []age.Identity
	}{
		{"two recipients", []age.Recipient{one.Recipient(), two.Recipient()}, []age.Identity{one, two}},
		{"a hybrid one", []age.Recipient{hybrid.Recipient()}, []age.Identity{hybrid}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := localDir(t)
			w := mustCreate(t, dir, Keys{Recipients: tc.recipients}, false)
			files := fill(t, w)
			mustHold(t, w, files)
			for _, id := range tc.readers {
				s, err := Open(dir, []age.Identity{id})
				if err != nil {
					t.Fatal(err)
				}
				mustHold(t, s, files)
			}
			// The age library alone makes the same files of them.
			for name, want := range files {
				f, err := os.Open(dir.Path(name + ".age"))
				if err != nil {
					t.Fatal(err)
				}
				r, err := age.Decrypt(f, tc.readers[0])
				if err != nil {
					t.Fatal(err)
				}
				if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
					t.Errorf("age makes %d bytes of %s, %v, want %d", len(got), name, err, len(want))
				}
				f.Close()
			}
		})
	}
}

func mustHold(t *testing.T, s storage.Store, files map[string][]byte) {
	t.Helper()
	names, err := s.List()
	if err != nil || len(names) != len(files) {
		t.Errorf("List has %v, %v", names, err)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for name, want := range files {
		f, err := s.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if f.Size() != int64(len(want)) {
			t.Errorf("%s has %d bytes, want %d", name, f.Size(), len(want))
		}
		for range 40 {
			from := rng.IntN(len(want) + 1)
			p := make([]byte, rng.IntN(len(want)-from+1))
			if n, err := f.ReadAt(p, int64(from)); n != len(p) || err != nil && err != io.EOF || !bytes.Equal(p, want[from:from+n]) {
				t.Fatalf("%s: %d bytes at %d of %d: %d, %v", name, len(p), from, len(want), n, err)
			}
		}
		if n, err := f.ReadAt(make([]byte, 10), int64(len(want))); n != 0 || err != io.EOF {
			t.Errorf("%s: ReadAt behind the end: %d, %v", name, n, err)
		}
		if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: Read gives %d bytes, %v", name, len(got), err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestDamage: no damage of any file passes, whether by reading all of it, at random, or by
// encrypted.json; and none is taken for a wrong identity.
func TestDamage(t *testing.T) {
	id := identity(t)
	dir := localDir(t)
	files := fill(t, mustCreate(t, dir, keys(id), false))
	damage := func(path string, change func([]byte) []byte, look func()) {
		t.Helper()
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, change(bytes.Clone(data)), 0o600); err != nil {
			t.Fatal(err)
		}
		look()
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rng := rand.New(rand.NewPCG(5, 6))
	var corrupt *format.CorruptError
	for name, want := range files {
		path := dir.Path(name + ".age")
		st, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		places := []int64{0, 10, 60, 150, 199, st.Size() - 1, rng.Int64N(st.Size())}
		for _, at := range places {
			for how, change := range map[string]func([]byte) []byte{
				"a bit of it flipped": func(b []byte) []byte { b[at] ^= 1; return b },
				"cut":                 func(b []byte) []byte { return b[:at] },
				"a byte more":         func(b []byte) []byte { return append(b, 'x') },
				"a piece missing":     func(b []byte) []byte { return append(b[:at], b[at+1:]...) },
			} {
				damage(path, change, func() {
					in, err := ReadInventory(dir)
					if err != nil {
						t.Fatal(err)
					}
					failed := []error{}
					bad, err := Check(t.Context(), dir, in, func(format.File) {}, func(err error) { failed = append(failed, err) })
					if err != nil || bad != 1 || !errors.As(failed[0], &corrupt) || corrupt.Name != path {
						t.Errorf("%s at %d: %s: Check finds %d, %v, %v", name, at, how, bad, failed, err)
					}
					s, err := Open(dir, []age.Identity{id})
					if err == nil {
						_, err = storage.ReadFile(s, name, 1<<30)
					}
					if !errors.As(err, &corrupt) {
						t.Errorf("%s at %d: %s: reading gives %v", name, at, how, err)
					}
					if s == nil {
						return
					}
					f, err := s.Open(name)
					if err == nil {
						got := make([]byte, len(want))
						if _, err = f.ReadAt(got, 0); err == io.EOF && int64(len(want)) == f.Size() {
							err = nil
						}
						f.Close()
					}
					if err == nil || !errors.As(err, &corrupt) && err != io.EOF {
						t.Errorf("%s at %d: %s: ReadAt gives %v", name, at, how, err)
					}
				})
			}
		}
	}
	damage(dir.Path(format.InventoryName), func(b []byte) []byte { b[30] ^= 1; return b }, func() {
		if _, err := ReadInventory(dir); !errors.As(err, &corrupt) {
			t.Errorf("a damaged inventory: %v", err)
		}
	})
	if err := os.Remove(dir.Path(format.ChunkName(0, format.TypeString, 3) + ".age")); err != nil {
		t.Fatal(err)
	}
	if err := storage.WriteFile(dir, "chunks/db0/hash/000099.mpz.age", nil); err != nil {
		t.Fatal(err)
	}
	in, err := ReadInventory(dir)
	if err != nil {
		t.Fatal(err)
	}
	if bad, err := Check(t.Context(), dir, in, func(format.File) {}, func(error) {}); bad != 2 || err != nil {
		t.Errorf("a file that is missing, and one too many: %d, %v", bad, err)
	}
}

// TestUnfinished: without encrypted.json there is no manifest, and it is written anew.
func TestUnfinished(t *testing.T) {
	id := identity(t)
	dir := localDir(t)
	files := fill(t, mustCreate(t, dir, keys(id), false))
	inventory, err := storage.ReadFile(dir, format.InventoryName, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if err := dir.Remove(format.InventoryName); err != nil {
		t.Fatal(err)
	}
	s := mustCreate(t, dir, keys(id), true)
	if _, err := s.Open(format.ManifestName); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the manifest is there: %v", err)
	}
	if names, _ := s.List(); slices.Contains(names, format.ManifestName) {
		t.Errorf("List has %v", names)
	}
	setFiles(s, files)
	if err := storage.WriteFile(s, format.ManifestName, files[format.ManifestName]); err != nil {
		t.Fatal(err)
	}
	mustHold(t, s, files)
	again, err := storage.ReadFile(dir, format.InventoryName, 1<<20)
	if err != nil || bytes.Equal(again, inventory) {
		t.Errorf("another manifest has the same sum: %v", err)
	}
	in, err := ReadInventory(dir)
	if err != nil {
		t.Fatal(err)
	}
	if bad, err := Check(t.Context(), dir, in, func(format.File) {}, func(err error) { t.Error(err) }); bad != 0 || err != nil {
		t.Errorf("%d, %v", bad, err)
	}
}

// TestManifestLost: encrypted.json without a manifest does not count, and both are written anew.
func TestManifestLost(t *testing.T) {
	id := identity(t)
	dir := localDir(t)
	files := fill(t, mustCreate(t, dir, keys(id), false))
	if err := dir.Remove(format.ManifestName + format.EncryptedSuffix); err != nil {
		t.Fatal(err)
	}
	s := mustCreate(t, dir, keys(id), true)
	setFiles(s, files)
	if err := storage.WriteFile(s, format.ManifestName, files[format.ManifestName]); err != nil {
		t.Fatal(err)
	}
	mustHold(t, s, files)
	in, err := ReadInventory(dir)
	if err != nil {
		t.Fatal(err)
	}
	if bad, err := Check(t.Context(), dir, in, func(format.File) {}, func(err error) { t.Error(err) }); bad != 0 || err != nil {
		t.Errorf("%d, %v", bad, err)
	}
}

// TestRefused: no identity, a wrong one, other recipients, plain and encrypted together.
func TestRefused(t *testing.T) {
	one, two := identity(t), identity(t)
	dir := localDir(t)
	fill(t, mustCreate(t, dir, keys(one), false))
	plain := localDir(t)
	if err := storage.WriteFile(plain, format.InfoName, []byte("x")); err != nil {
		t.Fatal(err)
	}
	mixed := localDir(t)
	fill(t, mustCreate(t, mixed, keys(one), false))
	if err := storage.WriteFile(mixed, format.ChunkName(0, format.TypeHash, 1), []byte("x")); err != nil {
		t.Fatal(err)
	}
	open := func(dir storage.Store, ids ...age.Identity) error { _, err := Open(dir, ids); return err }
	resume := func(dir storage.Store, k Keys) error { _, err := Create(dir, k, true); return err }
	for _, tc := range []struct {
		name      string
		err, want error
	}{
		{"no identity", open(dir), ErrIdentity},
		{"wrong identity", open(dir, two), ErrIdentity},
		{"wrong and right", open(dir, two, one), nil},
		{"plain", open(plain), nil},
		{"plain with an identity", open(plain, one), nil},
		{"mixed", open(mixed, one), ErrMixed},
		{"resumed", resume(dir, keys(one)), nil},
		{"resumed without keys", resume(dir, Keys{}), ErrIdentity},
		{"resumed without identity", resume(dir, Keys{Recipients: keys(one).Recipients}), ErrIdentity},
		{"resumed with the wrong identity", resume(dir, keys(two)), ErrIdentity},
		{"resumed for another", resume(dir, Keys{Recipients: keys(two).Recipients, Identities: keys(one).Identities}), ErrMixed},
		{"resumed for one more", resume(dir, keys(one, two)), ErrMixed},
		{"plain resumed encrypted", resume(plain, keys(one)), ErrMixed},
		{"plain resumed", resume(plain, Keys{}), nil},
		{"mixed resumed", resume(mixed, keys(one)), ErrMixed},
	} {
		if !errors.Is(tc.err, tc.want) || (tc.want == nil) != (tc.err == nil) {
			t.Errorf("%s: %v, want %v", tc.name, tc.err, tc.want)
		}
	}
}

// failing is a store whose files cannot be read to their end.
type failing struct{ storage.Store }

var errNetwork = fmt.Errorf("network: %w", storage.ErrUnavailable)

type failingReader struct{ storage.Reader }

func (f failing) Open(name string) (storage.Reader, error) {
	r, err := f.Store.Open(name)
	return failingReader{r}, err
}

func (r failingReader) Read(p []byte) (int, error) { return 0, errNetwork }

// TestSourceError: a failure to read is no damage.
func TestSourceError(t *testing.T) {
	id := identity(t)
	dir := localDir(t)
	fill(t, mustCreate(t, dir, keys(id), false))
	_, err := Open(failing{dir}, []age.Identity{id})
	if !errors.Is(err, errNetwork) || errors.As(err, new(*format.CorruptError)) {
		t.Error(err)
	}
	inventory := format.NewInventory([]format.File{{Name: "dump.json.age", Size: 1}})
	bad, err := Check(t.Context(), failing{dir}, &inventory, func(format.File) {}, func(err error) { t.Errorf("damaged: %v", err) })
	if bad != 0 || !errors.Is(err, errNetwork) {
		t.Errorf("check: %d, %v", bad, err)
	}
}
