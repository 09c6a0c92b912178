package e2e

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/s3server"
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
	parallel(t)
	s, h := simulateCrash(t, pikasim.V355)
	c := newCrasher(t, s, h)
	c.locked = newLocked(t)
	tool(t, "kvload")
	c.afterChunks(t)
	c.rounds(t)
}

// TestEncryptedBucket: an encrypted dump in a bucket, which was killed and resumed, is checked
// with and without the identity, loaded and compared, from the bucket.
func TestEncryptedBucket(t *testing.T) {
	parallel(t)
	server := s3server.Start(t)
	s := simulate(t, pikasim.Options{Version: pikasim.V355})
	m := newModel(seed, 1500, s)
	m.fill(t, client(t, s.addr, 0))
	l, from := newLocked(t), "redis://"+s.addr
	in, files := server.URL("dump"), server.Dir("dump")
	dump := func(flags ...string) *exec.Cmd {
		return exec.Command(tool(t, "pikadump"), append([]string{"dump", "--quiet", "--uri", from, "--out", in, "--chunk-size", "64KiB", "--reply-size", "64KiB"}, flags...)...)
	}
	first := dump("--encrypt-to", l.id.Recipient().String(), "--rate-keys", "500")
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "a chunk", func() bool { return len(glob(files)) > 2 })
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	before := fingerprints(t, filepath.Join(files, "chunks"))
	mustRun(t, 10, "kvload", "check", "--quiet", "--identity", l.path, in)
	for flag, code := range map[string]int{"--encrypt-to=" + l.id.Recipient().String(): 12, "--identity=" + l.path: 2} { // it takes both
		r := finish(t, dump("--resume", flag))
		r.mustBe(t, code, "pikadump", []string{flag})
	}
	r := finish(t, dump(append(l.flags(), "--resume")...))
	r.mustBe(t, 0, "pikadump", nil)
	taken := 0
	for path, sum := range fingerprints(t, filepath.Join(files, "chunks")) {
		if before[path] == sum {
			taken++
		}
	}
	if taken == 0 {
		t.Error("nothing was taken up")
	}
	for _, path := range allFiles(t, files) {
		if strings.HasPrefix(filepath.Base(path), ".") {
			t.Errorf("%s is left over", path)
		}
	}
	mustRun(t, 0, "kvload", "check", "--quiet", in)
	mustRun(t, 0, "kvload", "check", "--quiet", "--identity", l.path, in)
	mustRun(t, 0, "pikadump", "verify", "--quiet", "--uri", from, "--in", in, "--identity", l.path)
	eachTarget(t, func(t *testing.T, to target) {
		load := []string{"--quiet", "--uri", "redis://" + to.addr, "--in", in, "--db", "0"}
		mustRun(t, 12, "kvload", append([]string{"load"}, load...)...)
		load = append(load, "--identity", l.path)
		mustRun(t, 3, "kvload", append([]string{"load", "--state", server.URL("state-" + strings.ReplaceAll(to.addr, ":", "-")), "--verify"}, load...)...) // hyperloglogs
		mustRun(t, 0, "kvload", append([]string{"verify"}, load...)...)
		m.verify(t, to, 0)
	})
	// What the store has lost, or changed, is seen without the identity.
	chunk := chunkFiles(t, files)[0]
	rewrite(t, chunk, func(data []byte) []byte { data[len(data)/2] ^= 1; return data })
	mustName(t, mustRun(t, 13, "kvload", "check", "--quiet", in), strings.TrimPrefix(chunk, files+"/"))
}
