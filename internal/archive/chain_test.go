package archive

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/s3server"
)

// golden is where the golden chain is, whose base is the golden dump of version 1.
var golden = filepath.Join("..", "..", "testdata", "golden")

// beginAt begins a dump of one type.
func beginAt(t *testing.T, location string, info *format.Info, keys encryption.Keys) *Writer {
	t.Helper()
	w, err := Create(t.Context(), location, *info, Options{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// dumpOf writes a dump of sets.
func dumpOf(t *testing.T, location string, info *format.Info, keys encryption.Keys, recs ...format.Record) {
	t.Helper()
	w := beginAt(t, location, info, keys)
	defer w.Close()
	write(t, w, 0, format.TypeSet, recs...)
	if _, err := w.Finish(nil, false); err != nil {
		t.Fatal(err)
	}
}

func setsInfo() format.Info {
	return format.NewInfo("test", time.Now(), format.Source{Server: "pika", Version: "3.5.5", Databases: 1},
		format.Options{Databases: []int{0}, Types: []format.Type{format.TypeSet}})
}

// testChain writes so many deltas of a base, and returns what they are.
func testChain(t *testing.T, chain string, keys encryption.Keys, n int) []format.Info {
	t.Helper()
	infos := []format.Info{setsInfo()}
	for i := range n {
		in := deltaOf(&infos[i], i+1)
		dumpOf(t, DeltaPath(chain, i+1), &in, keys, deleted("k"))
		infos = append(infos, in)
	}
	return infos
}

func TestChain(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	encrypted := encryption.Keys{Recipients: []age.Recipient{id.Recipient()}, Identities: []age.Identity{id}}
	bucket := s3server.Start(t).URL("a/chain")
	for what, c := range map[string]struct {
		chain string
		keys  encryption.Keys
	}{
		"directory": {filepath.Join(t.TempDir(), "chain"), encryption.Keys{}},
		"encrypted": {filepath.Join(t.TempDir(), "chain"), encrypted},
		"bucket":    {bucket, encryption.Keys{}},
	} {
		t.Run(what, func(t *testing.T) {
			if is, err := IsChain(t.Context(), c.chain); is || err != nil {
				t.Errorf("nothing is a chain: %v, %v", is, err)
			}
			if members, err := Chain(t.Context(), c.chain, c.keys.Identities...); len(members) > 0 || err != nil {
				t.Errorf("nothing: %v, %v", members, err)
			}
			infos := testChain(t, c.chain, c.keys, 3)
			four := deltaOf(&infos[3], 4)
			beginAt(t, DeltaPath(c.chain, 4), &four, c.keys).Close()
			if is, err := IsChain(t.Context(), c.chain); !is || err != nil {
				t.Errorf("a chain is none: %v", err)
			}
			if is, err := IsChain(t.Context(), DeltaPath(c.chain, 2)); is || err != nil {
				t.Errorf("a delta is a chain: %v", err)
			}
			members, err := Chain(t.Context(), c.chain, c.keys.Identities...)
			if err != nil || len(members) != 4 {
				t.Fatalf("%d members, %v", len(members), err)
			}
			for i, m := range members {
				want := append(infos, four)[i+1].Dump
				if m.Number != i+1 || m.Location != DeltaPath(c.chain, i+1) || m.Info.Dump != want || m.Finished != (i < 3) {
					t.Errorf("%+v", m)
				}
			}
			if err := Discard(t.Context(), DeltaPath(c.chain, 3), storage.Options{}); !errors.Is(err, ErrFinished) {
				t.Errorf("discarding a finished delta: %v", err)
			}
			if err := Discard(t.Context(), DeltaPath(c.chain, 4), storage.Options{}); err != nil {
				t.Error(err)
			}
			members, err = Chain(t.Context(), c.chain, c.keys.Identities...)
			if err != nil || len(members) != 3 {
				t.Fatalf("after one was discarded: %d members, %v", len(members), err)
			}
			five := deltaOf(&four, 5)
			dumpOf(t, DeltaPath(c.chain, 5), &five, c.keys)
			if _, err := Chain(t.Context(), c.chain, c.keys.Identities...); !errors.Is(err, ErrChain) || !strings.Contains(err.Error(), "has delta 5, but no delta 4") {
				t.Errorf("a gap: %v", err)
			}
		})
	}
}

// TestOfAnother: a dump.json, or a manifest, that is of another dump is noticed, and named.
func TestOfAnother(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	for suffix, keys := range map[string]encryption.Keys{
		"": {}, format.EncryptedSuffix: {Recipients: []age.Recipient{id.Recipient()}, Identities: []age.Identity{id}},
	} {
		own, other := filepath.Join(t.TempDir(), "chain"), filepath.Join(t.TempDir(), "chain")
		testChain(t, own, keys, 1)
		testChain(t, other, keys, 1)
		path := func(chain, name string) string { return filepath.Join(DeltaPath(chain, 1), name+suffix) }
		open := func(chain string) error {
			a, err := OpenAny(t.Context(), DeltaPath(chain, 1), 1, keys.Identities...)
			if err != nil {
				return err
			}
			defer a.Close()
			return a.CheckInfo()
		}
		for _, name := range []string{format.InfoName, format.ManifestName} {
			move(t, path(own, name), path(own, "own"))
			move(t, path(other, name), path(own, name))
			err := open(own)
			if ce, ok := errors.AsType[*format.CorruptError](err); !ok || ce.Name != path(own, format.InfoName) {
				t.Errorf("%s%s: %v", name, suffix, err)
			}
			move(t, path(own, name), path(other, name))
			move(t, path(own, "own"), path(own, name))
			if err := open(own); err != nil {
				t.Error(err)
			}
		}
		remove(t, path(own, format.InfoName))
		if err := open(own); err == nil {
			t.Errorf("dump.json%s is not missed", suffix)
		}
	}
}

// TestChainRefuses: what is no whole chain is refused, and the member is named.
func TestChainRefuses(t *testing.T) {
	for what, tt := range map[string]struct {
		spoil func(t *testing.T, chain string, infos []format.Info)
		want  string
	}{
		"swapped": {func(t *testing.T, chain string, infos []format.Info) {
			move(t, DeltaPath(chain, 1), chain+"/x")
			move(t, DeltaPath(chain, 2), DeltaPath(chain, 1))
			move(t, chain+"/x", DeltaPath(chain, 2))
		}, "000001 is delta 2"},
		"moved down": {func(t *testing.T, chain string, infos []format.Info) {
			remove(t, DeltaPath(chain, 1))
			move(t, DeltaPath(chain, 2), DeltaPath(chain, 1))
			move(t, DeltaPath(chain, 3), DeltaPath(chain, 2))
		}, "000001 is delta 2"},
		"of another base": {func(t *testing.T, chain string, infos []format.Info) {
			remove(t, DeltaPath(chain, 3))
			other := filepath.Join(t.TempDir(), "other")
			testChain(t, other, encryption.Keys{}, 3)
			move(t, DeltaPath(other, 3), DeltaPath(chain, 3))
		}, "000003: its base is dump"},
		"of another history": {func(t *testing.T, chain string, infos []format.Info) {
			remove(t, DeltaPath(chain, 2))
			other := deltaOf(&infos[1], 2)
			dumpOf(t, DeltaPath(chain, 2), &other, encryption.Keys{})
		}, "000003: it is delta 3 and follows dump"},
		"full dump": {func(t *testing.T, chain string, infos []format.Info) {
			remove(t, DeltaPath(chain, 2))
			full := setsInfo()
			dumpOf(t, DeltaPath(chain, 2), &full, encryption.Keys{})
		}, "000002 is a full dump"},
		"unfinished": {func(t *testing.T, chain string, infos []format.Info) {
			remove(t, filepath.Join(DeltaPath(chain, 2), format.ManifestName))
		}, "000002 is not finished, and another follows"},
		"lost": {func(t *testing.T, chain string, infos []format.Info) { remove(t, DeltaPath(chain, 2)) }, "has delta 3, but no delta 2"},
		"no dump.json": {func(t *testing.T, chain string, infos []format.Info) {
			remove(t, filepath.Join(DeltaPath(chain, 2), format.InfoName))
		}, "000002"},
		"damaged dump.json": {func(t *testing.T, chain string, infos []format.Info) {
			if err := os.WriteFile(filepath.Join(DeltaPath(chain, 2), format.InfoName), []byte("{}"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "000002"},
	} {
		chain := filepath.Join(t.TempDir(), "chain")
		infos := testChain(t, chain, encryption.Keys{}, 3)
		tt.spoil(t, chain, infos)
		if _, err := Chain(t.Context(), chain); !errors.Is(err, ErrChain) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want …%s…", what, err, tt.want)
		}
	}
}

func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

func TestGoldenChain(t *testing.T) {
	members, err := Chain(t.Context(), filepath.Join(golden, "v2"))
	if err != nil || len(members) != 2 || !members[1].Finished || !members[1].Info.Delta.Last {
		t.Errorf("%+v, %v", members, err)
	}
}

func TestDeltaPath(t *testing.T) {
	for location, want := range map[string]string{
		"/a/chain/000012":                       "/a/chain 12",
		"chain/000012/":                         "chain 12",
		"000001":                                ". 1",
		"/000001":                               "/ 1",
		"s3://b/chain/000012?region=x":          "s3://b/chain?region=x 12",
		"s3://b/chain/000012":                   "s3://b/chain 12",
		"/a/chain/000000":                       "",
		"/a/chain/00012":                        "",
		"/a/chain/0000012":                      "",
		"/a/chain/00001a":                       "",
		"/a/chain":                              "",
		"/a/000001/x":                           "",
		"s3://b/chain?prefix=/000012":           "",
		"azblob://container/chain/999999?a=b/c": "azblob://container/chain?a=b/c 999999",
	} {
		got := ""
		if chain, n, ok := ParseDeltaPath(location); ok {
			got = fmt.Sprint(chain, " ", n)
			again := DeltaPath(chain, n)
			if c, m, ok := ParseDeltaPath(again); !ok || c != chain || m != n {
				t.Errorf("%s: %s gives %s %d", location, again, c, m)
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", location, got, want)
		}
	}
}
