// Package emulator starts emulators of Google Cloud Storage and Azure Blob Storage for tests,
// behind the proxy of package s3server.
package emulator

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/freeport"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/s3server"
)

// How to get the emulators.
const (
	installGoogle = "go install github.com/fsouza/fake-gcs-server@v1.54.0"
	installAzure  = "npm install -g azurite@3.35.0"
)

// The account that azurite has, with the key that it documents.
const (
	Account = "devstoreaccount1"
	Key     = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

// Environment is what clients of azurite need in theirs, as NAME=value; those of Google's emulator
// need nothing. Tests that run in parallel may not set it: their TestMain does.
var Environment = []string{"AZURE_STORAGE_ACCOUNT=" + Account, "AZURE_STORAGE_KEY=" + Key}

const bucketName = "dumps"

// A Server has one bucket.
type Server struct {
	*s3server.Proxy
	scheme string
	query  url.Values
}

// URL returns where a dump is, for --in and --out.
func (s *Server) URL(prefix string) string {
	return fmt.Sprintf("%s://%s/%s?%s", s.scheme, bucketName, prefix, s.query.Encode())
}

// Google starts fake-gcs-server. The test is skipped where there is none, but not in CI.
func Google(t testing.TB) *Server {
	t.Helper()
	addr := freeport.Addr()
	_, port, _ := net.SplitHostPort(addr)
	s3server.Run(t, addr, installGoogle, nil, "fake-gcs-server", "-scheme", "http", "-host", "127.0.0.1", "-port", port, "-backend", "memory", "-log-level", "error")
	answer, err := http.Post("http://"+addr+"/storage/v1/b?project=test", "application/json", strings.NewReader(`{"name":"`+bucketName+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("make a bucket: %s", answer.Status)
	}
	p := s3server.StartProxy(t, addr)
	return &Server{p, "gs", url.Values{"endpoint": {"http://" + p.Addr()}, "anonymous": {"true"}}}
}

// Azure starts azurite, and sets Environment where it is not set. The test is skipped where there
// is none, but not in CI.
func Azure(t testing.TB) *Server {
	t.Helper()
	addr := freeport.Addr()
	_, port, _ := net.SplitHostPort(addr)
	s3server.Run(t, addr, installAzure, Environment, "azurite-blob", "--blobHost", "127.0.0.1", "--blobPort", port, "--location", t.TempDir(),
		"--skipApiVersionCheck", "--disableTelemetry", "--silent")
	shared, err := container.NewSharedKeyCredential(Account, Key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := container.NewClientWithSharedKeyCredential("http://"+addr+"/"+Account+"/"+bucketName, shared, nil)
	if err == nil {
		_, err = c.Create(t.Context(), nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	p := s3server.StartProxy(t, addr)
	return &Server{p, "azblob", url.Values{"domain": {p.Addr()}, "protocol": {"http"}}}
}
