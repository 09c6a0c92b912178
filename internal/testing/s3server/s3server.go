// Package s3server starts a real S3 server, versitygw, for tests, behind a proxy that does to
// requests what networks and busy stores do.
package s3server

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/freeport"
)

// install is how to get the server.
const install = "go install github.com/versity/versitygw/cmd/versitygw@v1.8.0"

// Credentials of the server.
const (
	accessKey = "pika2kvrocks"
	secretKey = "not a secret"
)

// Environment is what clients of the server need in theirs, as NAME=value. Tests that run in
// parallel may not set it: their TestMain does.
var Environment = []string{
	"AWS_ACCESS_KEY_ID=" + accessKey, "AWS_SECRET_ACCESS_KEY=" + secretKey, "AWS_EC2_METADATA_DISABLED=true",
	"AWS_CONFIG_FILE=/nonexistent", "AWS_SHARED_CREDENTIALS_FILE=/nonexistent",
}

// A Server has one bucket.
type Server struct {
	*Proxy
	root string
}

// bucketName is the name of the bucket.
const bucketName = "dumps"

// Start starts a server for a test, and sets Environment where it is not set. The test is skipped
// where there is no versitygw, but not in CI.
func Start(t testing.TB) *Server {
	t.Helper()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, bucketName), 0o700); err != nil {
		t.Fatal(err)
	}
	addr := freeport.Addr()
	Run(t, addr, install, Environment, "versitygw", "--port", addr, "--access", accessKey, "--secret", secretKey, "--quiet", "posix", root)
	return &Server{StartProxy(t, addr), root}
}

// Run starts a server of an object store for a test, waits until it listens, and sets the
// environment where it is not set. The test is skipped where the program is missing, but not in CI.
func Run(t testing.TB, addr, install string, environment []string, program string, args ...string) {
	t.Helper()
	path, err := find(program)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no %s: %s", program, install)
		}
		t.Skipf("NO %s, a dump in a bucket of its kind is not tested: %s", strings.ToUpper(program), install)
	}
	for _, variable := range environment {
		if name, value, _ := strings.Cut(variable, "="); os.Getenv(name) != value {
			t.Setenv(name, value)
		}
	}
	cmd := exec.Command(path, args...)
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s: %s", program, log.String())
		}
	})
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not start: %v", program, err)
		}
	}
}

// find returns where a program is: on PATH or where go install puts it.
func find(program string) (string, error) {
	if p, err := exec.LookPath(program); err == nil {
		return p, nil
	}
	out, err := exec.Command("go", "env", "GOBIN", "GOPATH").Output()
	if err != nil {
		return "", err
	}
	bin, path, _ := strings.Cut(strings.TrimSuffix(string(out), "\n"), "\n")
	if bin == "" {
		bin = filepath.Join(path, "bin")
	}
	return exec.LookPath(filepath.Join(bin, program))
}

// URL returns where a dump is, for --in and --out.
func (s *Server) URL(prefix string) string {
	return fmt.Sprintf("s3://%s/%s?%s", bucketName, prefix, url.Values{
		"endpoint": {"http://" + s.Addr()}, "region": {"us-east-1"}, "use_path_style": {"true"}, "request_checksum_calculation": {"when_required"},
	}.Encode())
}

// Objects returns the names of the objects under a prefix.
func (s *Server) Objects(t testing.TB, prefix string) (names []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(s.Dir(prefix)), ".", func(p string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && e.Type().IsRegular() {
			names = append(names, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// Dir returns the directory on the server's disk in which the objects of a prefix are files.
func (s *Server) Dir(prefix string) string {
	return filepath.Join(s.root, bucketName, filepath.FromSlash(prefix))
}
