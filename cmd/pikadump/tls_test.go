package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/tlsfront"
)

func TestTLS(t *testing.T) {
	s := smallpika.Start(t, pikasim.Options{Password: password})
	port, ca := tlsfront.Start(t, s.Addr())
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
			} else if r.code != 0 || !strings.Contains(r.stderr, "done: dumped") {
				t.Errorf("exit code %d:\n%s", r.code, r.stderr)
			}
		})
	}
}

// TestTLSToPlain: a server that speaks no TLS.
func TestTLSToPlain(t *testing.T) {
	s := smallpika.Start(t, pikasim.Options{})
	r := runCommand("dump", "--uri", "rediss://"+s.Addr(), "--out", filepath.Join(t.TempDir(), "dump"))
	r.failed(t, 5, "TLS")
}
