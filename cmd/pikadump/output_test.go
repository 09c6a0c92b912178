package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
)

// TestOutputTaken: a directory that holds anything is refused and left as it is.
func TestOutputTaken(t *testing.T) {
	s := smallpika.Start(t, pikasim.Options{})
	finished := filepath.Join(t.TempDir(), "dump")
	if r := runCommand("dump", "--uri", s.Addr(), "--out", finished, "--quiet"); r.code != 0 {
		t.Fatalf("exit code %d: %s", r.code, r.stderr)
	}
	for _, tc := range []struct {
		name string
		make func(dir string) error
		says string
	}{
		{"finished dump", func(dir string) error { return os.CopyFS(dir, os.DirFS(finished)) }, "holds a finished dump"},
		{"unfinished dump", func(dir string) error {
			if err := os.CopyFS(dir, os.DirFS(finished)); err != nil {
				return err
			}
			return os.Remove(filepath.Join(dir, "manifest.json"))
		}, "holds an unfinished dump"},
		{"another file", func(dir string) error { return os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o600) }, "holds a file, notes.txt"},
		{"a file below", func(dir string) error {
			if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, "sub", "notes.txt"), nil, 0o600)
		}, "holds a file, sub/notes.txt"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := tc.make(dir); err != nil {
				t.Fatal(err)
			}
			before := contents(t, dir)
			r := runCommand("dump", "--uri", s.Addr(), "--out", dir)
			r.failed(t, 5, tc.says, dir, "give another directory")
			if after := contents(t, dir); !slices.Equal(before, after) {
				t.Errorf("the directory had\n%q\nand has\n%q", before, after)
			}
		})
	}
}

// contents returns names and contents of the files in dir.
func contents(t *testing.T, dir string) (all []string) {
	t.Helper()
	for _, name := range files(t, dir) {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, name+": "+string(data))
	}
	return all
}

// TestOutputCannotBe: a directory that cannot be made or written to.
func TestOutputCannotBe(t *testing.T) {
	s := smallpika.Start(t, pikasim.Options{})
	file := writeFile(t, "file", "data")
	for _, tc := range []struct{ name, out, says string }{
		{"a file", file, "not a directory"},
		{"below a file", filepath.Join(file, "dump"), "not a directory"},
		{"not allowed", "/proc/pikadump/dump", "create dump"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			runCommand("dump", "--uri", s.Addr(), "--out", tc.out).failed(t, 5, tc.says, tc.out, "--out")
		})
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != "data" {
		t.Errorf("the file has %q, %v", data, err)
	}
}

// TestBucketNamedWrong: a query that the store does not know is not repeated: it may hold a secret.
func TestBucketNamedWrong(t *testing.T) {
	s := smallpika.Start(t, pikasim.Options{})
	r := runCommand("dump", "--uri", s.Addr(), "--out", "s3://dumps/dump?region=x&secret_key=hidden")
	r.failed(t, 5, "cannot be used as it is given", "secret_key")
	if strings.Contains(r.stderr, "hidden") {
		t.Error(r.stderr)
	}
}

// TestDiskFull: a disk that fills up in the middle of the dump, and one that is full from
// the start.
func TestDiskFull(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("NOT ROOT: no small disk can be mounted, a full disk is not tested")
	}
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("NO SMALL DISK CAN BE MOUNTED, a full disk is not tested: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	})
	s := smallpika.Start(t, pikasim.Options{})
	c := redis.NewClient(&redis.Options{Addr: s.Addr(), Protocol: 2, DisableIdentity: true})
	defer c.Close()
	seed := uint64(1)
	for i := range 40 { // values that do not compress
		value := make([]byte, 32<<10)
		for j := range value {
			seed = seed*6364136223846793005 + 1442695040888963407
			value[j] = byte(seed >> 56)
		}
		if err := c.Set(t.Context(), fmt.Sprintf("big%03d", i), value, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(disk, "dump")
	r := runCommand("dump", "--uri", s.Addr(), "--out", out)
	r.failed(t, 75, "no space left on device", "holds an unfinished dump", out, "the disk is full: free space, then run the same command with --resume")
	unfinished(t, out)

	room, err := os.Create(filepath.Join(disk, "rest"))
	if err != nil {
		t.Fatal(err)
	}
	for block := make([]byte, 4096); err == nil; {
		_, err = room.Write(block)
	}
	room.Close()
	out = filepath.Join(disk, "second")
	r = runCommand("dump", "--uri", s.Addr(), "--out", out)
	r.failed(t, 75, "no space left on device", "the disk is full")
	if left := files(t, out); len(left) > 0 {
		t.Errorf("there are %v", left)
	}
	if strings.Contains(r.stderr, "unfinished dump") {
		t.Errorf("there is no dump to be removed:\n%s", r.stderr)
	}
}
