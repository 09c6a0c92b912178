package storage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
)

func create(t *testing.T) (*Dir, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a", "b")
	d, err := CreateDir(path)
	if err != nil {
		t.Fatal(err)
	}
	return d, path
}

// onDisk returns the names of all files below path, temporary ones too.
func onDisk(t *testing.T, path string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(path, func(p string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rel, _ := filepath.Rel(path, p)
			names = append(names, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestCommit(t *testing.T) {
	d, path := create(t)
	f, err := d.Create("x/y/z")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(f, "data"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Open("x/y/z"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before Commit the file can be opened: %v", err)
	}
	if names, err := d.List(); err != nil || len(names) > 0 {
		t.Errorf("before Commit List has %v, %v", names, err)
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	f.Discard() // does nothing
	if err := f.Commit(); err == nil {
		t.Error("Commit twice is no error")
	}
	if data, err := ReadFile(d, "x/y/z", 4); err != nil || string(data) != "data" {
		t.Errorf("the file has %q, %v", data, err)
	}
	if names := onDisk(t, path); !slices.Equal(names, []string{"x/y/z"}) {
		t.Errorf("on disk there are %v", names)
	}
	for _, p := range []string{path, filepath.Join(path, "x", "y"), filepath.Join(path, "x", "y", "z")} {
		if st, err := os.Stat(p); err != nil || st.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s can be read by others: %v, %v", p, st.Mode(), err)
		}
	}
}

func TestDiscard(t *testing.T) {
	d, path := create(t)
	f, err := d.Create("x/y")
	if err != nil {
		t.Fatal(err)
	}
	f.Discard()
	f.Discard()
	if err := f.Commit(); err == nil {
		t.Error("Commit after Discard is no error")
	}
	if _, err := f.Write([]byte("x")); err == nil {
		t.Error("Write after Discard is no error")
	}
	if names := onDisk(t, path); len(names) > 0 {
		t.Errorf("on disk there are %v", names)
	}
	// The name is free again.
	if err := WriteFile(d, "x/y", []byte("second")); err != nil {
		t.Error(err)
	}
}

// TestFailedCommit: what cannot be put under its name is not left under the temporary one.
func TestFailedCommit(t *testing.T) {
	d, path := create(t)
	f, err := d.Create("x/y")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(path, "x", "y", "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := f.Commit(); err == nil {
		t.Error("Commit over a directory is no error")
	}
	if names := onDisk(t, path); len(names) > 0 {
		t.Errorf("on disk there are %v", names)
	}
}

// TestNoOverwrite: a file that is there stays as it is.
func TestNoOverwrite(t *testing.T) {
	d, path := create(t)
	if err := WriteFile(d, "x", []byte("first")); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(d, "x", []byte("second")); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), filepath.Join(path, "x")) {
		t.Errorf("WriteFile over a file: %v", err)
	}
	if err := os.Symlink("nowhere", filepath.Join(path, "link")); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Create("link"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Create over a link that leads nowhere: %v", err)
	}
	if _, err := d.Create("x/below"); err == nil {
		t.Error("Create below a file is no error")
	}
	if data, err := ReadFile(d, "x", 100); err != nil || string(data) != "first" {
		t.Errorf("the file has %q, %v", data, err)
	}
	if names := onDisk(t, path); !slices.Equal(names, []string{"link", "x"}) {
		t.Errorf("on disk there are %v", names)
	}
}

// TestNamesOutside: no name leads out of the directory.
func TestNamesOutside(t *testing.T) {
	d, path := create(t)
	outside := filepath.Join(filepath.Dir(path), "outside")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"../outside", "x/../../outside", "..", "", "/etc/passwd", outside, "x//y", "./x", "x/", "x/./y", "x\xff/../../outside"} {
		if _, err := d.Open(name); err == nil {
			t.Errorf("Open takes %q", name)
		}
		if _, err := ReadFile(d, name, 100); err == nil {
			t.Errorf("ReadFile takes %q", name)
		}
		if _, err := d.Create(name); err == nil {
			t.Errorf("Create takes %q", name)
		}
		if err := WriteFile(d, name, nil); err == nil {
			t.Errorf("WriteFile takes %q", name)
		}
	}
	if data, err := os.ReadFile(outside); err != nil || string(data) != "secret" {
		t.Errorf("the file outside has %q, %v", data, err)
	}
	if names := onDisk(t, path); len(names) > 0 {
		t.Errorf("on disk there are %v", names)
	}
}

func TestList(t *testing.T) {
	d, path := create(t)
	for _, name := range []string{"b", "a/2", "a/1", "a/c/3"} {
		if err := WriteFile(d, name, nil); err != nil {
			t.Fatal(err)
		}
	}
	f, err := d.Create("a/being-written")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Discard()
	if err := os.WriteFile(filepath.Join(path, "a", tempPrefix+"of-a-run-that-died"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	names, err := d.List()
	if want := []string{"a/1", "a/2", "a/c/3", "b"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("List has %v, %v, want %v", names, err, want)
	}
	// What a run that died was writing does not hinder the next.
	if err := WriteFile(d, "a/of-a-run-that-died", []byte("whole")); err != nil {
		t.Error(err)
	}
	if data, _ := ReadFile(d, "a/of-a-run-that-died", 100); string(data) != "whole" {
		t.Errorf("the file has %q", data)
	}
}

// TestLinked: a directory behind a symbolic link is one like others.
func TestLinked(t *testing.T) {
	_, path := create(t)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	d, err := CreateDir(link)
	if err != nil {
		t.Fatal(err)
	}
	if names, err := d.List(); err != nil || len(names) > 0 {
		t.Errorf("an empty one: %q, %v", names, err)
	}
	if err := WriteFile(d, "x/y", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Create("x/killed"); err != nil {
		t.Fatal(err)
	}
	if names, err := d.List(); err != nil || !slices.Equal(names, []string{"x/y"}) {
		t.Errorf("%q, %v", names, err)
	}
	if err := d.RemoveTemporaries(); err != nil {
		t.Fatal(err)
	}
	if names := onDisk(t, path); !slices.Equal(names, []string{"x/y"}) {
		t.Errorf("there are %q", names)
	}
}

func TestReadFileLimit(t *testing.T) {
	d, _ := create(t)
	if err := WriteFile(d, "x", []byte("12345")); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFile(d, "x", 5); err != nil {
		t.Error(err)
	}
	if _, err := ReadFile(d, "x", 4); err == nil || !strings.Contains(err.Error(), "5 bytes") {
		t.Errorf("a file above the limit: %v", err)
	}
}

func TestOpen(t *testing.T) {
	_, path := create(t)
	if _, err := OpenDir(filepath.Join(path, "nosuch")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory that is not there: %v", err)
	}
	file := filepath.Join(path, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDir(file); err == nil || !strings.Contains(err.Error(), "is not a directory") {
		t.Errorf("a file: %v", err)
	}
	if _, err := CreateDir(filepath.Join(file, "below")); err == nil {
		t.Error("Create below a file is no error")
	}
	if d, err := OpenDir(path); err != nil || d.Path("") != path {
		t.Errorf("%v, %v", d, err)
	}
}

// TestRemoveBeside: files of one directory are made and removed by many at once, and none of them
// fails because another has found it empty.
func TestRemoveBeside(t *testing.T) {
	dir, err := CreateDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var g errgroup.Group
	for n := range 3 {
		g.Go(func() error {
			for i := range 200 {
				name := fmt.Sprintf("chunks/db0/string/%d-%d", n, i)
				if err := errors.Join(WriteFile(dir, name, []byte("x")), dir.Remove(name)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir.Path("")); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}
