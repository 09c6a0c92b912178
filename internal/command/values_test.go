package command

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
)

// TestRead: the first flag that cannot be read is said, as a usage error, and what is behind it is
// not tried.
func TestRead(t *testing.T) {
	for _, x := range []struct{ args, want string }{
		{"", "1 0s "},
		{"--timeout 2s --host h", "1 2s H"},
		{"--n 9 --timeout=-1s", "--n 9: it is between 1 and 5"},
		{"--timeout=-1s --host bad", "--timeout -1s is negative"},
		{"--host bad --pass x", "--host: none of ours"},
		{"--host own", "--host is its own"},
		{"--pass x", "--pass does not go with anything"},
		{"redis://h", "--uri is missing before the address of the server"},
		{"arg", `"arg" is not a flag: there are none`},
	} {
		tried := false
		got, want := "", x.want
		code, _, stderr := runApp(func(c *cli.Context) error {
			s, err := Read(c, func(v *Values) string {
				n, d := v.Int("n", 1, 5), v.Duration("timeout")
				host := Parse(v, "host", func(s string) (string, error) {
					switch s {
					case "bad":
						return "", errors.New("none of ours")
					case "own":
						return "", exitcode.Usagef("--host is its own")
					}
					return strings.ToUpper(s), nil
				})
				v.Refuse(v.String("pass") != "", "--pass does not go with anything")
				v.NoArguments("there are none")
				v.Try(func() error { tried = true; return nil })
				return fmt.Sprint(n, " ", d.Round(time.Second), " ", host)
			})
			got = s
			return err
		}, append([]string{"do", "--n", "1"}, strings.Fields(x.args)...)...)
		if code != 0 {
			got, want = stderr, "tool: "+x.want+"\n"
		}
		if code != 0 && code != 2 || tried != (code == 0) || !strings.Contains(got, want) {
			t.Errorf("%q: %d, tried %v, %q, want %q", x.args, code, tried, got, want)
		}
	}
}
