package command

import (
	"errors"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/shellword"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

// Next writes a command line to paste: a tool and its command, the flags of this command line that
// keep chooses but for those in more, and more. What is given with a flag is in quotes where a
// shell wants it. A password is never in it: what stands in its place asks for it.
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
		case !keep(name) || slices.Contains(more, dashed(name)):
			continue
		case name == "pass":
			asks = true
			continue
		case name == "uri":
			var had bool
			value, had = WithoutPassword(value)
			asks = asks || had
		}
		switch words = append(words, dashed(name)); {
		case has && isBool(f): // a word behind it would be an argument
			words[len(words)-1] += "=" + value
		case has:
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

// Again writes the same command once more, with more.
func Again(c *cli.Context, more ...string) []string {
	return []string{Next(c, c.App.Name+" "+c.Command.Name, But(), more...)}
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

// checkOf returns the command that looks at all files of the dump or delta that has a damaged one;
// empty: there is no such file, or it is one of a stream, or of the dump that the command writes,
// which says itself what helps; or the command is that.
func checkOf(app *cli.App, err error, code int) string {
	c, _ := app.Metadata[contextKey].(*cli.Context)
	damaged, ok := errors.AsType[*format.CorruptError](err)
	if !ok || code != exitcode.Corrupt || c == nil || c.Command.Name == "check" || c.Command.Name == "unpack" || c.String("in") == "-" {
		return ""
	}
	dump, _, inside := strings.Cut(damaged.Name, "/chunks/")
	if !inside {
		dump = path.Dir(dump)
	}
	if out, _, _ := strings.Cut(c.String("out"), "?"); dump == strings.TrimRight(out, "/") {
		return ""
	}
	for _, arg := range app.Metadata[argsKey].([]string) { // a URL may need its query
		if i := strings.Index(arg, dump+"?"); i == 0 || i > 0 && arg[i-1] == '=' {
			dump = arg[i:]
		}
	}
	return Next(c, "kvload check", Identity, dump)
}

// Identity keeps the flag by which an encrypted dump is read.
func Identity(flag string) bool { return flag == "identity" }

// Then is what comes after a command that is done, maybe with keys left out: another, with the
// identity of this one.
func Then(command string, more ...string) After {
	return func(c *cli.Context, _ *summary.Summary, err error) []string {
		if err != nil && !exitcode.IsEnd(err) {
			return nil
		}
		return []string{Next(c, command, func(flag string) bool { return Identity(flag) && !c.Bool("plain") }, more...)}
	}
}

// AfterVerify is what comes after a comparison: a list of what differs, in the file list, or that.
func AfterVerify(list string) After {
	return func(c *cli.Context, s *summary.Summary, _ error) []string {
		switch {
		case s.Result != summary.Stopped && s.Instead != nil:
			return Instead(c, s)
		case s.Result == summary.Different && c.String("report") == "":
			return Again(c, "--report", list)
		case s.Result == summary.Different:
			return []string{"less " + shellword.Quote(c.String("report"))}
		case s.Result == summary.Stopped && s.Dump.ID != "":
			return Again(c)
		}
		return nil
	}
}

// Own are flags that say what one command does, not which load it is about.
var Own = strings.Fields("report dry-run resume shard shards undo accept on-exists threads " +
	"break-lock rounds sample keys-only reverse left-out force flush log-file metrics-addr " +
	"metrics-file push-url")

// Instead writes the command that helps instead of what would come next, without some flags.
func Instead(c *cli.Context, s *summary.Summary, without ...string) []string {
	_, name, _ := strings.Cut(s.Instead[0], " ")
	return []string{Next(c, s.Instead[0], Of(c, name, append(without, Own...)...), s.Instead[1:]...)}
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
