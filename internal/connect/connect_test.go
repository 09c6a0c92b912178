package connect

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
)

// parse returns what the arguments mean to a command whose port is 6666 and whose
// variables begin with TEST_.
func parse(args ...string) (Server, error) {
	var s Server
	var err error
	app := command.App(&cli.App{
		Name: "test", Reader: strings.NewReader("typed\n"), Writer: new(bytes.Buffer), ErrWriter: new(bytes.Buffer),
		Flags: Flags(6666),
	}, nil)
	app.Action = func(c *cli.Context) error {
		s, err = FromFlags(c)
		return nil
	}
	if runErr := app.Run(append([]string{"test"}, args...)); runErr != nil {
		return s, runErr
	}
	return s, err
}

func TestURI(t *testing.T) {
	for _, tc := range []struct {
		uri      string
		addr     string
		username string
		password string
		db       int
		tls      bool
	}{
		{"redis://h", "h:6666", "", "", -1, false},
		{"redis://h:1234", "h:1234", "", "", -1, false},
		{"h:1234", "h:1234", "", "", -1, false},
		{"h", "h:6666", "", "", -1, false},
		{":pw@h", "h:6666", "", "pw", -1, false},
		{"redis://h/", "h:6666", "", "", -1, false},
		{"redis://h/0", "h:6666", "", "", 0, false},
		{"redis://h:1/12", "h:1", "", "", 12, false},
		{"redis://:pw@h", "h:6666", "", "pw", -1, false},
		{"redis://u:pw@h", "h:6666", "u", "pw", -1, false},
		{"redis://u%40x:p%40%2F%3A%23%3F%25w@h", "h:6666", "u@x", "p@/:#?%w", -1, false},
		{"redis://:a:b@h", "h:6666", "", "a:b", -1, false},
		{"redis://:%20@h", "h:6666", "", " ", -1, false},
		{"redis://[::1]", "[::1]:6666", "", "", -1, false},
		{"redis://:pw@[2001:db8::1]:7/3", "[2001:db8::1]:7", "", "pw", 3, false},
		{"rediss://h", "h:6666", "", "", -1, true},
		{"REDISS://h:1", "h:1", "", "", -1, true},
	} {
		s, err := parse("--uri", tc.uri)
		if err != nil {
			t.Errorf("%s: %v", tc.uri, err)
			continue
		}
		if s.Addr != tc.addr || s.Username != tc.username || s.Password != tc.password || s.DB != tc.db || (s.TLS != nil) != tc.tls {
			t.Errorf("%s: %+v", tc.uri, s)
		}
	}
}

// TestBadURI: an error says what is wrong and never what may be a password.
func TestBadURI(t *testing.T) {
	const secret = "h0rse"
	for _, tc := range []struct{ uri, says string }{
		{"http://:h0rse@h", "http://; it must be redis:// or rediss://"},
		{"redis://:h0rse%@h", "%XX"},
		{"redis://:h0rse%zz@h", "%XX"},
		{"redis://:h0rse#x@h", "%XX"},
		{"redis://:1#h0rse@h", "%23"},
		{"redis://u:1/h0rse@h", "%2F"},
		{"redis://u/h0rse@h", "%2F"},
		{"redis://u?h0rse@h", "%3F"},
		{"redis://u:h0rse/1@h", "%XX"},
		{"redis://:h0rse@", "no host"},
		{"redis://:h0rse@:6379", "no host"},
		{"redis://:h0rse@h:port", "%XX"},
		{"redis://:h0rse@h:70000", "no valid port"},
		{"redis://:h0rse@h:0", "no valid port"},
		{"redis://:h0rse@h/x", "number of a database"},
		{"redis://:h0rse@h/-1", "number of a database"},
		{"redis://:h0rse@h/1/2", "number of a database"},
		{"redis://:h0rse@h\n", "%XX"},
		{"redis://h0rse@h", "needs a password"},
	} {
		_, err := parse("--uri", tc.uri)
		if err == nil {
			t.Errorf("%s is taken", tc.uri)
			continue
		}
		if !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", tc.uri, err, tc.says)
		}
	}
}

func TestFlags(t *testing.T) {
	dir := t.TempDir()
	write := func(name, data string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	line, crlf, empty := write("line", " p w \nsecond\n"), write("crlf", "pw\r\n"), write("empty", "\npw\n")
	for _, tc := range []struct {
		name string
		args []string
		env  map[string]string
		want Server // without TLS
		says string // of the error
	}{
		{"nothing", nil, nil, Server{Addr: "127.0.0.1:6666", DB: -1}, ""},
		{"host and port", []string{"-h", "h", "-p", "1"}, nil, Server{Addr: "h:1", DB: -1}, ""},
		{"IPv6", []string{"--host", "::1"}, nil, Server{Addr: "[::1]:6666", DB: -1}, ""},
		{"password", []string{"-a", "pw"}, nil, Server{Addr: "127.0.0.1:6666", Password: "pw", DB: -1}, ""},
		{"user", []string{"--user", "u", "--pass", "pw"}, nil, Server{Addr: "127.0.0.1:6666", Username: "u", Password: "pw", DB: -1}, ""},
		{"of the environment", nil, map[string]string{"TEST_HOST": "h", "TEST_PORT": "2", "TEST_USER": "u", "TEST_PASS": "pw"},
			Server{Addr: "h:2", Username: "u", Password: "pw", DB: -1}, ""},
		{"redis-cli's variable", nil, map[string]string{"REDISCLI_AUTH": "pw"}, Server{Addr: "127.0.0.1:6666", Password: "pw", DB: -1}, ""},
		{"our variable before redis-cli's", nil, map[string]string{"REDISCLI_AUTH": "no", "TEST_PASS": "pw"}, Server{Addr: "127.0.0.1:6666", Password: "pw", DB: -1}, ""},
		{"flag before environment", []string{"-a", "pw"}, map[string]string{"TEST_PASS": "no"}, Server{Addr: "127.0.0.1:6666", Password: "pw", DB: -1}, ""},
		{"URI before environment", []string{"-u", "redis://:pw@h"}, map[string]string{"REDISCLI_AUTH": "no"}, Server{Addr: "h:6666", Password: "pw", DB: -1}, ""},
		{"URI without, environment", []string{"-u", "redis://h"}, map[string]string{"REDISCLI_AUTH": "pw"}, Server{Addr: "h:6666", Password: "pw", DB: -1}, ""},
		{"file", []string{"--password-file", line}, nil, Server{Addr: "127.0.0.1:6666", Password: " p w ", DB: -1}, ""},
		{"file with CR", []string{"--password-file", crlf}, nil, Server{Addr: "127.0.0.1:6666", Password: "pw", DB: -1}, ""},
		{"empty file", []string{"--password-file", empty}, nil, Server{}, "first line of " + empty + " is empty"},
		{"missing file", []string{"--password-file", dir + "/nosuch"}, nil, Server{}, "--password-file: open"},
		{"directory as file", []string{"--password-file", dir}, nil, Server{}, "--password-file: "},
		{"no terminal", []string{"--askpass"}, nil, Server{}, "no terminal to ask on"},
		{"user alone", []string{"--user", "u"}, nil, Server{}, "--user needs a password"},
		{"two servers", []string{"-u", "h", "-h", "h"}, nil, Server{}, "give one of them"},
		{"port 0", []string{"-p", "0"}, nil, Server{}, "between 1 and 65535"},
		{"port 65536", []string{"-p", "65536"}, nil, Server{}, "between 1 and 65535"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, name := range []string{"REDISCLI_AUTH", "TEST_PASS"} {
				t.Setenv(name, "")
				os.Unsetenv(name)
			}
			for name, value := range tc.env {
				t.Setenv(name, value)
			}
			s, err := parse(tc.args...)
			if tc.says != "" {
				if err == nil || !strings.Contains(err.Error(), tc.says) {
					t.Errorf("error %v, want %q", err, tc.says)
				}
				return
			}
			if err != nil || s != tc.want {
				t.Errorf("%+v, %v, want %+v", s, err, tc.want)
			}
		})
	}
}

// TestSeveralURIs: what a URI says is of its server, and the other flags are of all.
func TestSeveralURIs(t *testing.T) {
	var all []Server
	app := command.App(&cli.App{Name: "test", Writer: new(bytes.Buffer), ErrWriter: new(bytes.Buffer), Flags: Flags(6666)}, nil)
	app.Action = func(c *cli.Context) (err error) {
		all, err = AllFromFlags(c)
		return err
	}
	args := []string{"test", "--uri", "redis://h", "--uri", "redis://u:a,b@i:1/2", "--uri", "rediss://:own@j", "-a", "shared", "--port", "7", "--insecure"}
	if err := app.Run(args); err != nil {
		t.Fatal(err)
	}
	want := []Server{{Addr: "h:7", Password: "shared", DB: -1}, {Addr: "i:1", Username: "u", Password: "a,b", DB: 2}, {Addr: "j:7", Password: "own", DB: -1}}
	if len(all) != len(want) {
		t.Fatalf("%d servers", len(all))
	}
	for i, s := range all {
		if secure := s.TLS != nil && s.TLS.InsecureSkipVerify; secure != (i == 2) {
			t.Errorf("TLS to %s is %v", s.Addr, secure)
		}
		if s.TLS = nil; s != want[i] {
			t.Errorf("server %d is %+v, want %+v", i, s, want[i])
		}
	}
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("shared\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := app.Run([]string{"test", "--uri", "redis://h", "--uri", "redis://:own@i", "--password-file", file}); err != nil {
		t.Fatal(err)
	}
	if all[0].Password != "shared" || all[1].Password != "own" {
		t.Errorf("with --password-file: %+v", all)
	}
	if _, err := parse("--uri", "redis://h", "--uri", "redis://i"); err == nil || !strings.Contains(err.Error(), "2 times") {
		t.Errorf("two for a command that takes one: %v", err)
	}
	t.Setenv("TEST_URI", "redis://:a,b@h")
	if s, err := parse(); err != nil || s.Addr != "h:6666" || s.Password != "a,b" {
		t.Errorf("from the environment: %+v, %v", s, err)
	}
	if s, err := parse("--uri", "redis://i"); err != nil || s.Addr != "i:6666" {
		t.Errorf("over the environment: %+v, %v", s, err)
	}
}
