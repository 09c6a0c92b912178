package connect

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// An authority signs certificates, which it writes to files.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir()}
	a.file, _ = a.sign(t, "ca", &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// sign writes a certificate and its key. The first is the authority's own.
func (a *authority) sign(t *testing.T, name string, c *x509.Certificate) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	c.Subject = pkix.Name{CommonName: name}
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, k
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &k.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert == nil {
		if a.cert, err = x509.ParseCertificate(der); err != nil {
			t.Fatal(err)
		}
		a.key = k
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, typ string, data []byte) string {
		p := filepath.Join(a.dir, name)
		if err := os.WriteFile(p, pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: data}), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	return write(name+".crt", "CERTIFICATE", der), write(name+".key", "PRIVATE KEY", keyDER)
}

// listen starts a TLS server that says hello, and wants a certificate of clients if it is
// to be of their CA. It returns the port.
func (a *authority) listen(t *testing.T, server *x509.Certificate, clients *authority) (port string) {
	t.Helper()
	cert, key := a.sign(t, "server", server)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}}
	if clients != nil {
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		config.ClientCAs.AddCert(clients.cert)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
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
				_, _ = io.WriteString(c, "hello")
			}()
		}
	}()
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port
}

// hear connects with what the arguments give and returns what the server says.
func hear(args ...string) (string, error) {
	s, err := parse(args...)
	if err != nil {
		return "", err
	}
	c, err := tls.Dial("tcp", s.Addr, s.TLS)
	if err != nil {
		return "", err
	}
	defer c.Close()
	data, err := io.ReadAll(c)
	return string(data), err
}

func TestTLS(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	byIP := ca.listen(t, &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}, nil)
	byName := ca.listen(t, &x509.Certificate{DNSNames: []string{"pika.test"}}, nil)
	mutual := ca.listen(t, &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}, ca)
	client := &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	cert, key := ca.sign(t, "client", client)
	wrongCert, wrongKey := other.sign(t, "client", client)
	noPEM := filepath.Join(t.TempDir(), "no.pem")
	if err := os.WriteFile(noPEM, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		args []string
		says string // of the error; empty: hello is heard
	}{
		{"URI", []string{"-u", "rediss://127.0.0.1:" + byIP, "--cacert", ca.file}, ""},
		{"--tls", []string{"-p", byIP, "--tls", "--cacert", ca.file}, ""},
		{"--tls with a URI", []string{"-u", "redis://127.0.0.1:" + byIP, "--tls", "--cacert", ca.file}, ""},
		{"--sni", []string{"-u", "rediss://127.0.0.1:" + byName, "--cacert", ca.file, "--sni", "pika.test"}, ""},
		{"--insecure", []string{"-u", "rediss://127.0.0.1:" + byIP, "--insecure"}, ""},
		{"client certificate", []string{"-u", "rediss://127.0.0.1:" + mutual, "--cacert", ca.file, "--cert", cert, "--key", key}, ""},
		{"system's CAs only", []string{"-u", "rediss://127.0.0.1:" + byIP}, "unknown authority"},
		{"wrong CA", []string{"-u", "rediss://127.0.0.1:" + byIP, "--cacert", other.file}, "unknown authority"},
		{"not for this name", []string{"-u", "rediss://127.0.0.1:" + byName, "--cacert", ca.file}, "127.0.0.1"},
		{"not for that name", []string{"-u", "rediss://127.0.0.1:" + byName, "--cacert", ca.file, "--sni", "x.test"}, "not x.test"},
		{"no client certificate", []string{"-u", "rediss://127.0.0.1:" + mutual, "--cacert", ca.file}, "certificate required"},
		{"wrong client certificate", []string{"-u", "rediss://127.0.0.1:" + mutual, "--cacert", ca.file, "--cert", wrongCert, "--key", wrongKey}, "tls"},
		{"no CA file", []string{"--tls", "--cacert", noPEM + "x"}, "--cacert: open"},
		{"no CA in the file", []string{"--tls", "--cacert", noPEM}, "holds no certificate"},
		{"no certificate in the file", []string{"--tls", "--cert", noPEM, "--key", key}, "--cert, --key"},
		{"key of another", []string{"--tls", "--cert", cert, "--key", wrongKey}, "--cert, --key"},
		{"--cert alone", []string{"--tls", "--cert", cert}, "go together"},
		{"--key alone", []string{"--tls", "--key", key}, "go together"},
		{"--cacert without TLS", []string{"--cacert", ca.file}, "--cacert needs --tls or a rediss:// URI"},
		{"--sni without TLS", []string{"-u", "redis://h", "--sni", "x"}, "--sni needs --tls or a rediss:// URI"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			said, err := hear(tc.args...)
			switch {
			case tc.says == "" && (err != nil || said != "hello"):
				t.Errorf("%q, %v", said, err)
			case tc.says != "" && (err == nil || !strings.Contains(err.Error(), tc.says)):
				t.Errorf("error %v, want %q", err, tc.says)
			}
		})
	}
	if s, err := parse("--tls"); err != nil || s.TLS.MinVersion < tls.VersionTLS12 || s.TLS.InsecureSkipVerify || s.TLS.ServerName != "127.0.0.1" {
		t.Errorf("%+v, %v", s.TLS, err)
	}
}
