package tempfile

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestMain is also the run that is killed: it makes a directory, says where, and waits.
func TestMain(m *testing.M) {
	parent := os.Getenv("TEMPFILE_PARENT")
	if parent == "" {
		os.Exit(m.Run())
	}
	path, _, err := Dir(parent, "own-")
	if err == nil {
		err = os.WriteFile(filepath.Join(path, "file"), nil, 0o600)
	}
	fmt.Println(path, err)
	time.Sleep(time.Hour)
}

// TestDir: what a killed run has left goes with the next; that of a run that is at work stays, and
// so does what is of others.
func TestDir(t *testing.T) {
	parent := t.TempDir()
	for _, name := range []string{"own-file", "other-1/x"} {
		if err := os.MkdirAll(filepath.Join(parent, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(parent, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "TEMPFILE_PARENT="+parent)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var theirs, failed string
	if _, err := fmt.Fscan(bufio.NewReader(out), &theirs, &failed); err != nil || failed != "<nil>" {
		t.Fatal(theirs, failed, err)
	}
	there := func(what string, want int) {
		t.Helper()
		names, err := filepath.Glob(filepath.Join(parent, "*"))
		if err != nil || len(names) != want+2 {
			t.Fatalf("%s: %v, %v", what, names, err)
		}
	}
	_, remove, err := Dir(parent, "own-")
	if err != nil {
		t.Fatal(err)
	}
	there("beside one at work", 2)
	lock, err := os.OpenFile(filepath.Join(filepath.Dir(theirs), "lock"), os.O_RDWR, 0) // what hosts share has locks of files
	if err == nil {
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		lock.Close()
	}
	if !errors.Is(err, syscall.EWOULDBLOCK) {
		t.Fatal("it holds no lock of a file:", err)
	}
	if err := remove(); err != nil {
		t.Fatal(err)
	}
	there("its own removed", 1)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	there("after kill -9", 1)
	if _, remove, err = Dir(parent, "own-"); err != nil {
		t.Fatal(err)
	}
	there("the next run", 1)
	if _, err := os.Stat(theirs); !os.IsNotExist(err) {
		t.Fatalf("%s is left: %v", theirs, err)
	}
	if err := remove(); err != nil {
		t.Fatal(err)
	}
}
