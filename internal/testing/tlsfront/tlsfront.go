// Package tlsfront puts TLS in front of a server that has none, for tests.
package tlsfront

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// Start accepts TLS and passes what it decrypts on to the server at addr, until the test ends. It
// returns its own port, and the file of the CA that signed its certificate for
// 127.0.0.1 and example.com.
func Start(t testing.TB, addr string) (port, ca string) {
	t.Helper()
	h := httptest.NewTLSServer(nil) // for its certificate
	t.Cleanup(h.Close)
	ca = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
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
			go pass(c, addr)
		}
	}()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port), ca
}

func pass(c net.Conn, addr string) {
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
}
