// Package connect holds the flags that say which server to connect to, and as whom. They are those
// of redis-cli; both commands have them. It never connects.
package connect

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
)

// A Server is where to connect and as whom.
type Server struct {
	Addr     string
	Username string
	Password string
	DB       int // database of the URI's path; -1: it has none
	TLS      *tls.Config
}

// Flags returns the flags. Port is the default of --port.
func Flags(port int) []cli.Flag {
	const category = "Connection"
	str := func(name, usage string, aliases ...string) *cli.StringFlag {
		return &cli.StringFlag{Name: name, Aliases: aliases, Usage: usage, Category: category}
	}
	boolean := func(name, usage string) *cli.BoolFlag {
		return &cli.BoolFlag{Name: name, Usage: usage, Category: category}
	}
	pass := str("pass", "`PASSWORD`; better given by the environment, --password-file or --askpass", "a")
	pass.EnvVars = []string{"REDISCLI_AUTH"}
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "uri", Aliases: []string{"u"}, Usage: "`URL` of the server: redis://[user:password@]host[:port][/db], rediss:// for TLS", Category: category, KeepSpace: true},
		str("host", "name of the `HOST`, if there is no --uri (default: 127.0.0.1)", "h"),
		&cli.IntFlag{Name: "port", Aliases: []string{"p"}, Value: port, Category: category,
			Usage: "port, if there is no --uri"},
		str("user", "`NAME` of the user for AUTH"),
		pass,
		str("password-file", "`FILE` whose first line is the password"),
		boolean("askpass", "ask for the password on the terminal"),
		boolean("tls", "connect by TLS"),
		str("cacert", "`FILE` of CA certificates to trust instead of the system's"),
		str("cert", "`FILE` of the client certificate"),
		str("key", "`FILE` of the client certificate's key"),
		str("sni", "server `NAME` for TLS, if it is not the host"),
		boolean("insecure", "do not verify the server's certificate"),
	}
}

// FromFlags returns the server that the flags name.
func FromFlags(c *cli.Context) (Server, error) {
	if n := len(c.StringSlice("uri")); n > 1 {
		return Server{}, exitcode.Usagef("--uri is given %d times: this command takes one server at a time", n)
	}
	all, err := AllFromFlags(c)
	if err != nil {
		return Server{}, err
	}
	return all[0], nil
}

// AllFromFlags returns the servers of all --uri, or the one that the other flags name. What the
// other flags say of user, password and TLS is of all of them.
func AllFromFlags(c *cli.Context) ([]Server, error) {
	all, useTLS, err := named(c)
	if err != nil {
		return nil, err
	}
	password, err := password(c)
	if err != nil {
		return nil, err
	}
	for i := range all {
		s := &all[i]
		if s.Password = cmp.Or(s.Password, password, c.String("pass")); s.Username != "" && s.Password == "" {
			return nil, exitcode.Usagef("--user needs a password")
		}
		if useTLS[i] {
			if err := s.setTLS(c); err != nil {
				return nil, err
			}
		}
	}
	for _, name := range []string{"cacert", "cert", "key", "sni", "insecure"} {
		if c.IsSet(name) && !slices.Contains(useTLS, true) {
			return nil, exitcode.Usagef("--%s needs --tls or a rediss:// URI", name)
		}
	}
	return all, nil
}

// Addresses returns the addresses of the servers that the flags name.
func Addresses(c *cli.Context) (addrs []string, err error) {
	all, _, err := named(c)
	for _, s := range all {
		addrs = append(addrs, s.Addr)
	}
	return addrs, err
}

// named returns the servers that the flags name, and which of them want TLS.
func named(c *cli.Context) (all []Server, useTLS []bool, err error) {
	uris := c.StringSlice("uri")
	if len(uris) == 0 {
		uris = []string{""}
	} else if c.IsSet("host") {
		return nil, nil, exitcode.Usagef("--uri and --host both name a server: give one of them")
	}
	if port := c.Int("port"); port < 1 || port > 65535 {
		return nil, nil, exitcode.Usagef("--port %d: it is between 1 and 65535", port)
	}
	useTLS = make([]bool, len(uris))
	for i, uri := range uris {
		s := Server{DB: -1, Username: c.String("user")}
		useTLS[i] = c.Bool("tls")
		s.Addr = net.JoinHostPort(cmp.Or(c.String("host"), "127.0.0.1"), strconv.Itoa(c.Int("port")))
		if uri != "" {
			secure, err := s.parseURI(uri, c.Int("port"))
			if err != nil {
				return nil, nil, err
			}
			useTLS[i] = useTLS[i] || secure
		}
		all = append(all, s)
	}
	return all, useTLS, nil
}

// parseURI takes a URI apart. Its errors never hold the URI: it may hold a password.
func (s *Server) parseURI(uri string, port int) (useTLS bool, err error) {
	if !strings.Contains(uri, "://") {
		uri = "redis://" + uri
	}
	u, err := url.Parse(uri)
	if err != nil {
		return false, exitcode.Usagef("--uri is no URI: it is " +
			"redis://[user:password@]host[:port][/db], with special characters in the password as %%XX")
	}
	if u.Scheme != "redis" && u.Scheme != "rediss" {
		return false, exitcode.Usagef("--uri begins with %s://; it must be redis:// or rediss://", u.Scheme)
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return false, exitcode.Usagef("--uri has a ? or #: in a password they are written %%3F and %%23")
	}
	if u.Hostname() == "" {
		return false, exitcode.Usagef("--uri names no host")
	}
	if p := u.Port(); p != "" {
		if port, err = strconv.Atoi(p); err != nil || port < 1 || port > 65535 {
			return false, exitcode.Usagef("--uri has no valid port")
		}
	}
	s.Addr = net.JoinHostPort(u.Hostname(), strconv.Itoa(port))
	if db := strings.Trim(u.Path, "/"); db != "" {
		if s.DB, err = strconv.Atoi(db); err != nil || s.DB < 0 {
			// Not shown: with an unescaped / in the password it is part of that.
			return false, exitcode.Usagef("--uri has something else than the number of a database " +
				"behind its /; a / in a password is written %%2F")
		}
	}
	if u.User != nil {
		if name := u.User.Username(); name != "" {
			s.Username = name
		}
		if pw, ok := u.User.Password(); ok {
			s.Password = pw
		}
	}
	return u.Scheme == "rediss", nil
}

// password reads the password from a file or the terminal if a flag says so.
func password(c *cli.Context) (pw string, err error) {
	if name := c.String("password-file"); name != "" {
		data, err := os.ReadFile(name)
		if err != nil {
			return "", exitcode.Usagef("--password-file: %w", err)
		}
		line, _, _ := strings.Cut(string(data), "\n")
		if pw = strings.TrimSuffix(line, "\r"); pw == "" {
			return "", exitcode.Usagef("--password-file: the first line of %s is empty", name)
		}
	}
	if c.Bool("askpass") {
		fmt.Fprint(c.App.ErrWriter, "Password: ")
		pw, err = askPassword(c.App.Reader)
		fmt.Fprintln(c.App.ErrWriter)
		if err != nil {
			return "", exitcode.Usagef("--askpass: %w", err)
		}
		if pw == "" {
			return "", exitcode.Usagef("--askpass: no password was given")
		}
	}
	return pw, nil
}

func askPassword(in io.Reader) (string, error) {
	f, ok := in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return "", exitcode.Usagef("there is no terminal to ask on; use --password-file")
	}
	pw, err := term.ReadPassword(int(f.Fd()))
	return string(pw), err
}

func (s *Server) setTLS(c *cli.Context) error {
	host, _, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return err
	}
	s.TLS = &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12, InsecureSkipVerify: c.Bool("insecure")}
	if sni := c.String("sni"); sni != "" {
		s.TLS.ServerName = sni
	}
	if name := c.String("cacert"); name != "" {
		pem, err := os.ReadFile(name)
		if err != nil {
			return exitcode.Usagef("--cacert: %w", err)
		}
		s.TLS.RootCAs = x509.NewCertPool()
		if !s.TLS.RootCAs.AppendCertsFromPEM(pem) {
			return exitcode.Usagef("--cacert: %s holds no certificate", name)
		}
	}
	cert, key := c.String("cert"), c.String("key")
	if (cert == "") != (key == "") {
		return exitcode.Usagef("--cert and --key go together")
	}
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return exitcode.Usagef("--cert, --key: %w", err)
		}
		s.TLS.Certificates = []tls.Certificate{pair}
	}
	return nil
}
