package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"filippo.io/age"

	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/s3server"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
)

// startVanishing starts a Pika whose list is listed and cannot be read.
func startVanishing(t *testing.T) *pikasim.Server {
	return smallpika.Start(t, pikasim.Options{Intercept: smallpika.Answer(map[string]string{"LRANGE": "*0\r\n"})})
}

// TestLeftOut: a dump that lacks keys says so, and where they are listed, also when it is gone on
// with after its end, before which the run could not say it.
func TestLeftOut(t *testing.T) {
	s := startVanishing(t)
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	keys := []string{"--encrypt-to", id.Recipient().String(), "--identity", writeFile(t, "identity", id.String())}
	server := s3server.Start(t)
	local := filepath.Join(t.TempDir(), "dump")
	for _, tc := range []struct {
		out   string
		flags []string
		see   string
	}{
		{local, nil, local + "/skipped.jsonl"},
		{local + "2", keys, local + "2/skipped.jsonl.age"},
		{server.URL("dump"), nil, "s3://dumps/dump/skipped.jsonl?"},
		{server.URL("dump2"), keys, "s3://dumps/dump2/skipped.jsonl.age?"},
	} {
		for range 2 {
			runCommand(append([]string{"dump", "--uri", s.Addr(), "--resume", "--out", tc.out}, tc.flags...)...).failed(t, 3, "1 listed key is not in it", "see "+tc.see)
		}
	}
	r := runCommand("dump", "--uri", s.Addr(), "--out", "-")
	r.stdout = ""
	r.failed(t, 3, "see skipped.jsonl in the stream")
}

// TestResumeLost: a finished dump of which a file was lost or cut is damaged, and not resumed:
// the source may hold something else by now, and loads may know the dump as it was.
func TestResumeLost(t *testing.T) {
	s := startVanishing(t)
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	keys := []string{"--encrypt-to", id.Recipient().String(), "--identity", writeFile(t, "identity", id.String())}
	for _, tc := range []struct {
		name  string // of a file of the dump
		lose  func(path string) error
		flags []string
		says  string
	}{
		{"chunks/db0/hash/000001.mpz", os.Remove, nil, "this file of the finished dump is not there"},
		{"chunks/db0/hash/000001.mpz", cut, nil, "bytes, not"},
		{"chunks/db0/hash/000001.mpz.age", os.Remove, keys, "this file of the finished dump is not there"},
		{"skipped.jsonl", os.Remove, nil, "this file of the finished dump is not there"},
	} {
		out := filepath.Join(t.TempDir(), "dump")
		flags := append([]string{"dump", "--uri", s.Addr(), "--out", out, "--resume"}, tc.flags...)
		runCommand(flags...).failed(t, 3, "1 listed key is not in it")
		before := files(t, out)
		if err := tc.lose(filepath.Join(out, filepath.FromSlash(tc.name))); err != nil {
			t.Fatalf("%v: there are %q", err, before)
		}
		left := files(t, out)
		runCommand(flags...).failed(t, 13, filepath.Join(out, tc.name), tc.says, "dump again into another directory")
		if after := files(t, out); len(after) != len(left) {
			t.Errorf("there were %q, and are %q", left, after)
		}
	}
}

// cut takes the last byte of a file away.
func cut(path string) error {
	s, err := os.Stat(path)
	if err != nil {
		return err
	}
	return os.Truncate(path, s.Size()-1)
}

// TestBreakLockOfFinished: --break-lock holds for a dump that is finished, too.
func TestBreakLockOfFinished(t *testing.T) {
	s, server := smallpika.Start(t, pikasim.Options{}), s3server.Start(t)
	flags := []string{"dump", "--uri", s.Addr(), "--out", server.URL("dump"), "--resume"}
	if r := runCommand(flags...); r.code != 0 {
		t.Fatalf("exit code %d: %s", r.code, r.stderr)
	}
	lock, err := json.Marshal(map[string]any{"host": "elsewhere", "process": 1})
	if err != nil {
		t.Fatal(err)
	}
	b, err := storage.Open(t.Context(), server.URL("dump"))
	if err == nil {
		err = storage.WriteFile(b, ".lock", lock)
	}
	if err != nil {
		t.Fatal(err)
	}
	runCommand(flags...).failed(t, 11, "--break-lock")
	if r := runCommand(append(flags, "--break-lock")...); r.code != 0 {
		t.Errorf("exit code %d: %s", r.code, r.stderr)
	}
}
