package command

import (
	"net/url"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/shellword"
)

// Next writes a command line to paste: a tool and its command, the flags of this command line that
// keep chooses, and more. What is given with a flag is in quotes where a shell wants it. A password
// is never in it: what stands in its place asks for it.
func Next(c *cli.Context, command string, keep func(flag string) bool, more ...string) string {
	args, _ := c.App.Metadata[argsKey].([]string)
	words := strings.Fields(command)
	asks := false
	var given, own []string
	if len(args) > 2 {
		given, own = split(c.Command.Flags, args[2:])
	}
	for len(given) > 0 {
		name, value, has := strings.Cut(strings.TrimLeft(given[0], "-"), "=")
		given = given[1:]
		f := flagOf(c.Command.Flags, name)
		if f == nil {
			continue
		}
		if !has && !isBool(f) && len(given) > 0 {
			value, has, given = given[0], true, given[1:]
		}
		name = f.Names()[0]
		switch {
		case !keep(name):
			continue
		case name == "pass":
			asks = true
			continue
		case name == "uri":
			var had bool
			value, had = WithoutPassword(value)
			asks = asks || had
		}
		words = append(words, dashed(name))
		if has {
			words = append(words, shellword.Quote(value))
		}
	}
	if asks {
		words = append(words, "--askpass")
	}
	for _, word := range more {
		words = append(words, shellword.Quote(word))
	}
	if command == c.App.Name+" "+c.Command.Name {
		for _, word := range own {
			words = append(words, shellword.Quote(word))
		}
	}
	return strings.Join(words, " ")
}

// But returns what keeps all flags but some, and those that only say what is shown.
func But(without ...string) func(string) bool {
	without = append(without, "json", "progress", "quiet")
	return func(name string) bool { return !slices.Contains(without, name) }
}

// Of returns what keeps the flags that another command has as well, but for some.
func Of(c *cli.Context, other string, without ...string) func(string) bool {
	but := But(without...)
	return func(name string) bool {
		to := c.App.Command(other)
		return but(name) && to != nil && flagOf(to.Flags, name) != nil
	}
}

// WithoutPassword returns the address of a server without its password, and whether it had one.
func WithoutPassword(uri string) (shown string, had bool) {
	full := uri
	if !strings.Contains(full, "://") {
		full = "redis://" + full
	}
	u, err := url.Parse(full)
	if err != nil {
		return "URI", false
	}
	if _, has := u.User.Password(); !has {
		return uri, false
	}
	if u.User = url.User(u.User.Username()); u.User.Username() == "" {
		u.User = nil
	}
	return u.String(), true
}
