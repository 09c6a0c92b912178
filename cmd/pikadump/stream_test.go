package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
)

// TestStreamUsage: what a stream cannot do is refused before anything is asked of the source.
func TestStreamUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--out", "-", "--resume"}, 2, "cannot be resumed"},
		{[]string{"--out", "-", "--source-cache-off"}, 2, "--source-cache-off"},
		{[]string{"--out", "-", "--spool", filepath.Join(t.TempDir(), "nosuch")}, 5, "--spool cannot be written to"},
	} {
		runCommand(append([]string{"dump"}, c.args...)...).failed(t, c.code, c.says)
	}
}

// TestStreamBroken: a stream that cannot be written is not resumed, and so nothing says that
// it can be.
func TestStreamBroken(t *testing.T) {
	s := smallpika.Start(t, pikasim.Options{})
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	r, unread, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer unread.Close()
	r.Close()
	for _, tc := range []struct {
		to   *os.File
		says []string
	}{
		{full, []string{"no space left on device", "the disk is full: free space, or give another directory, and run it again"}},
		{unread, []string{"whoever reads the stream has ended"}},
	} {
		var stderr bytes.Buffer
		code := run([]string{"pikadump", "dump", "--uri", s.Addr(), "--out", "-"}, strings.NewReader(""), tc.to, &stderr)
		result{code: code, stderr: stderr.String()}.failed(t, 75, tc.says...)
		if strings.Contains(stderr.String(), "--resume") {
			t.Errorf("it advises what is refused:\n%s", &stderr)
		}
	}
}

// TestEncryptedResume: an encrypted dump is resumed only by who can read it, for the same
// recipients; a plain one is not resumed encrypted.
func TestEncryptedResume(t *testing.T) {
	server, err := pikasim.Start(pikasim.Options{Version: pikasim.V401})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(id.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	to := id.Recipient().String()
	dir, plain := filepath.Join(t.TempDir(), "dump"), filepath.Join(t.TempDir(), "plain")
	dump := func(dir string, flags ...string) result {
		return runCommand(append([]string{"dump", "--quiet", "--uri", "redis://" + server.Addr(), "--out", dir}, flags...)...)
	}
	dump(dir, "--identity", key).failed(t, 2, "give --encrypt-to")
	dump(dir, "--identity", key, "--resume").failed(t, 2, "give --encrypt-to")
	if left := files(t, dir); len(left) > 0 {
		t.Errorf("there are %v", left)
	}
	if r := dump(dir, "--encrypt-to", to); r.code != 0 {
		t.Fatal(r.stderr)
	}
	if r := dump(plain); r.code != 0 {
		t.Fatal(r.stderr)
	}
	dump(dir, "--encrypt-to", to).failed(t, 5, "a finished dump")
	if err := os.Remove(filepath.Join(dir, "encrypted.json")); err != nil {
		t.Fatal(err)
	}
	dump(dir, "--encrypt-to", to).failed(t, 5, "an unfinished dump")
	dump(dir, "--resume").failed(t, 12, "--encrypt-to", "--identity FILE")
	dump(dir, "--resume", "--encrypt-to", to).failed(t, 12, "--identity FILE")
	dump(plain, "--resume", "--encrypt-to", to, "--identity", key).failed(t, 5, "is not encrypted")
	dump(dir, "--encrypt-to", id.String()).failed(t, 2, "secret")
	if r := dump(dir, "--resume", "--encrypt-to", to, "--identity", key); r.code != 0 {
		t.Error(r.stderr)
	}
	runCommand("verify", "--uri", "redis://"+server.Addr(), "--in", dir).failed(t, 12, "--identity FILE")
	if r := runCommand("verify", "--quiet", "--uri", "redis://"+server.Addr(), "--in", dir, "--identity", key); r.code != 0 {
		t.Error(r.stderr)
	}
}
