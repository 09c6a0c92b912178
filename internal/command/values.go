package command

import (
	"errors"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
)

// Values reads the flags of a command. The first that cannot be read, or does not go with another,
// is the error of all; what is read behind it counts for nothing.
type Values struct {
	*cli.Context
	err error
}

// Read returns what read makes of the flags of a command.
func Read[T any](c *cli.Context, read func(*Values) T) (T, error) {
	v := &Values{Context: c}
	t := read(v)
	return t, v.err
}

// Action is that of a command which runs with what read makes of its flags.
func Action[T any](read func(*Values) T, run func(*cli.Context, T) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		t, err := Read(c, read)
		if err != nil {
			return err
		}
		return run(c, t)
	}
}

// Get returns what read makes of several flags.
func Get[T any](v *Values, read func(*cli.Context) (T, error)) (t T) {
	v.Try(func() (err error) {
		t, err = read(v.Context)
		return err
	})
	return t
}

// Parse returns what parse makes of the text of a flag, which its error need not name.
func Parse[T any](v *Values, name string, parse func(string) (T, error)) (t T) {
	v.Try(func() (err error) {
		if t, err = parse(v.String(name)); err != nil && !errors.As(err, new(*exitcode.UsageError)) {
			err = exitcode.Usagef("--%s: %w", name, err)
		}
		return err
	})
	return t
}

// Set gives a flag a value that it was not given.
func (v *Values) Set(name, value string) error {
	v.App.Metadata[recalledKey] = append(Recalled(v.Context), dashed(name), value)
	return v.Context.Set(name, value)
}

// Recalled returns the flags that a command was not given, but took from elsewhere (Set).
func Recalled(c *cli.Context) []string {
	flags, _ := c.App.Metadata[recalledKey].([]string)
	return flags
}

// Checked returns the text of a flag that check lets pass.
func (v *Values) Checked(name string, check func(string) error) string {
	return Parse(v, name, func(text string) (string, error) { return text, check(text) })
}

// Int returns a number that is between least and most.
func (v *Values) Int(name string, least, most int) int {
	n := v.Context.Int(name)
	v.Refuse(n < least || n > most, "--%s %d: it is between %d and %d", name, n, least, most)
	return n
}

// Duration returns a time that is not negative.
func (v *Values) Duration(name string) time.Duration {
	d := v.Context.Duration(name)
	v.Refuse(d < 0, "--%s %v is negative", name, d)
	return d
}

// NoArguments refuses what stands beside the flags, and says which flag was meant: instead, or
// --uri. The address of a server is not repeated: a password may be in it.
func (v *Values) NoArguments(instead string) {
	arg := v.Args().First()
	v.Refuse(strings.HasPrefix(arg, "redis://") || strings.HasPrefix(arg, "rediss://"), "--uri is missing before the address of the server")
	v.Refuse(v.Args().Present(), "%q is not a flag: %s", arg, instead)
}

// Refuse says why the flags are none with which the command can run, when they are.
func (v *Values) Refuse(when bool, format string, args ...any) {
	if when {
		v.Try(func() error { return exitcode.Usagef(format, args...) })
	}
}

// Apart refuses flags that do not go with another, and says why.
func (v *Values) Apart(other, why string, flags ...string) {
	for _, name := range flags {
		v.Refuse(v.IsSet(name), "--%s does not go with --%s: %s", name, other, why)
	}
}

// Usage refuses what err says, if anything.
func (v *Values) Usage(err error) {
	if err != nil {
		v.Refuse(true, "%w", err)
	}
}

// Try does what may fail for other reasons than usage, unless something has failed already.
func (v *Values) Try(do func() error) {
	if v.err == nil {
		v.err = do()
	}
}
