package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/s3server"
)

// encrypted writes an encrypted dump, and the file of its identity.
func encrypted(t *testing.T) (dir, identity string) {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	identity = filepath.Join(t.TempDir(), "identity")
	if err := os.WriteFile(identity, []byte(id.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(t.TempDir(), "dump")
	src := format.Source{Address: "127.0.0.1:9221", Server: "pika", Version: "3.5.5", Role: "master", Databases: 1}
	info := format.NewInfo("test", time.Now(), src, format.Options{Databases: []int{0}, Types: []format.Type{format.TypeString}})
	w, err := archive.Create(t.Context(), dir, info, archive.Options{ChunkBytes: 1, Keys: encryption.Keys{Recipients: []age.Recipient{id.Recipient()}}})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	seg := w.Segment(0, format.TypeString, nil)
	for _, key := range []string{"a", "b", "c"} {
		r := text(key, "value of "+key)
		if err := seg.Record(&r); err != nil {
			t.Fatal(err)
		}
	}
	if err := seg.Close(nil); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Finish(nil, true); err != nil {
		t.Fatal(err)
	}
	return dir, identity
}

// TestEncrypted: every command reads an encrypted dump with its identity, and says what it needs
// without.
func TestEncrypted(t *testing.T) {
	dir, identity := encrypted(t)
	other := filepath.Join(t.TempDir(), "other")
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	} else if err := os.WriteFile(other, []byte(id.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	m := startTarget(t)
	load, in := []string{"load", "--quiet", "--uri", m.Addr(), "--in", dir}, []string{"--in", dir, "--quiet", "--uri", m.Addr()}
	runCommand(load...).failed(t, 12, "is encrypted", "--identity FILE")
	runCommand(append(load, "--identity", other)...).failed(t, 12, "is encrypted", "no --identity opens")
	runCommand(append(load, "--undo", filepath.Join(t.TempDir(), "undo"))...).failed(t, 12, "--identity FILE") // it may be a delta
	runCommand("inspect", dir).failed(t, 12, "--identity FILE")
	runCommand("check", "--identity", other, dir).failed(t, 12, "no --identity opens")
	runCommand(append(load, "--encrypt-to", "x")...).failed(t, 2, "neither a recipient")
	runCommand(append(load, "--identity", filepath.Join(dir, "dump.json.age"))...).failed(t, 2, "not an identity file")
	mustDo := func(says string, args ...string) {
		t.Helper()
		if r := runCommand(args...); r.code != 0 || !strings.Contains(r.stdout+r.stderr, says) {
			t.Errorf("%v: %d\n%s%s", args, r.code, r.stdout, r.stderr)
		}
	}
	mustDo("what is inside was not looked at", "check", dir)
	mustDo("load --uri redis://TARGET:6666 --in "+dir+" --identity KEYFILE\n", "check", dir)
	two, plain := filepath.Join(t.TempDir(), "two"), filepath.Join(t.TempDir(), "plain")
	mustDo("", "extract", "--encrypt-to", id.Recipient().String(), "--out", two, makeDump(t, []format.Record{text("a", "0")}, []format.Record{text("a", "1")}))
	mustDo(" --map-db 0=default,1=TOKEN1 --identity KEYFILE\n", "check", two)
	mustDo("kvload check "+plain+"\n", "extract", "--plain", "--identity", other, "--out", plain, two)
	mustDo("sound: 3 keys", "check", "--identity", identity, dir)
	mustDo("consistency", "inspect", "--identity", identity, dir)
	mustDo("loaded 3 keys", append(load, "--identity", identity)...)
	if v, err := m.Get("b"); v != "value of b" {
		t.Errorf("b is %q, %v", v, err)
	}
	mustDo("3", append(append([]string{"verify"}, in...), "--identity", identity)...)
	mustDo("removed 3 keys", append(append([]string{"rollback"}, in...), "--identity", identity)...)
}

// TestEncryptedShare: names of keys do not come to stand in clear beside an encrypted dump in a
// bucket unless --state says so.
func TestEncryptedShare(t *testing.T) {
	server := s3server.Start(t)
	dir, identity := encrypted(t)
	if err := os.CopyFS(server.Dir("enc"), os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	m, other := startTarget(t), startTarget(t)
	load := []string{"load", "--quiet", "--uri", m.Addr(), "--in", server.URL("enc"), "--identity", identity, "--shard", "0/1"}
	for _, more := range [][]string{nil, {"--dry-run"}, {"--follow"}, {"--uri", other.Addr()}} {
		runCommand(append(load, more...)...).failed(t, 2, "is encrypted", "in clear", "--state")
	}
	if m.TotalConnectionCount()+other.TotalConnectionCount() > 0 {
		t.Error("there was a connection to a target")
	}
	if _, err := os.Stat(server.Dir("enc.load")); !os.IsNotExist(err) {
		t.Errorf("there is something beside the dump: %v", err)
	}
	if r := runCommand(append(load, "--state", server.URL("state"))...); r.code != 0 {
		t.Errorf("exit code %d\n%s", r.code, r.stderr)
	}
}

// TestEncryptedDamage: whatever happens to a file of an encrypted dump, check names it, with and
// without the identity.
func TestEncryptedDamage(t *testing.T) {
	dir, identity := encrypted(t)
	rng := rand.New(rand.NewPCG(1, 9))
	for _, name := range []string{"dump.json.age", "chunks/db0/string/000002.mpz.age", "manifest.json.age", "encrypted.json"} {
		path := filepath.Join(dir, name)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for range 25 {
			at := rng.IntN(len(data))
			bad := append([]byte{}, data[:at]...)
			if rng.IntN(2) == 0 {
				bad = append(append(bad, data[at]^1<<rng.IntN(8)), data[at+1:]...)
			}
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{{"check", "--quiet", dir}, {"check", "--quiet", "--identity", identity, dir}} {
				if r := runCommand(args...); r.code != 13 || !strings.Contains(r.stderr, name) {
					t.Fatalf("%s cut or changed at %d: exit code %d\n%s%s", name, at, r.code, r.stdout, r.stderr)
				}
			}
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(dir, "encrypted.json")); err != nil {
		t.Fatal(err)
	}
	runCommand("check", dir).failed(t, 10, "encrypted.json")
	runCommand("inspect", "--identity", identity, dir).failed(t, 10, "has not finished it")
}
