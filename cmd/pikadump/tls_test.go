package main

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"net"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/pikasim"
)

// tlsFront accepts TLS and passes what it decrypts on to the server at addr. It returns its
// own port, and the file of the CA that signed its certificate for 127.0.0.1.
func tlsFront(t *testing.T, addr string) (port, ca string) {
	t.Helper()
	h := httptest.NewTLSServer(nil) // for its certificate
	t.Cleanup(h.Close)
	ca = writeFile(t, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.Certificate().Raw})))
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: h.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				back, err := net.Dial("tcp", addr)
				if err != nil {
					return
				}
				defer back.Close()
				go func() {
					_, _ = io.Copy(back, c)
					back.Close()
				}()
				_, _ = io.Copy(c, back)
			}()
		}
	}()
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port, ca
}

func TestTLS(t *testing.T) {
	s := startPika(t, pikasim.Options{Password: password})
	port, ca := tlsFront(t, s.Addr())
	uri := "rediss://:s3cret%25%2Fpw@127.0.0.1:" + port
	for _, tc := range []struct {
		name string
		args []string
		code int
		says []string
	}{
		{"CA", []string{"--uri", uri, "--cacert", ca}, 0, nil},
		{"--tls", []string{"-p", port, "-a", password, "--tls", "--cacert", ca}, 0, nil},
		{"--insecure", []string{"--uri", uri, "--insecure"}, 0, nil},
		{"another name", []string{"--uri", uri, "--cacert", ca, "--sni", "example.com"}, 0, nil},
		{"unknown CA", []string{"--uri", uri}, 5, []string{"certificate", "--cacert", "--insecure"}},
		{"wrong name", []string{"--uri", uri, "--cacert", ca, "--sni", "other.test"}, 5, []string{"not other.test", "--sni"}},
		{"no TLS", []string{"-p", port, "-a", password}, 75, []string{"may want TLS (--tls)"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "dump")
			r := runCommand(append([]string{"dump", "--out", out}, tc.args...)...)
			if tc.code != 0 {
				r.failed(t, tc.code, tc.says...)
			} else if r.code != 0 || !strings.Contains(r.stderr, "done in") {
				t.Errorf("exit code %d:\n%s", r.code, r.stderr)
			}
		})
	}
}

// TestTLSToPlain: a server that speaks no TLS.
func TestTLSToPlain(t *testing.T) {
	s := startPika(t, pikasim.Options{})
	r := runCommand("dump", "--uri", "rediss://"+s.Addr(), "--out", filepath.Join(t.TempDir(), "dump"))
	r.failed(t, 5, "TLS")
}
