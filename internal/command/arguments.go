package command

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"github.com/xrash/smetrics"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
)

// arrange returns the arguments as the library takes them: flags may stand behind a command's own
// argument, -h without a host and help are what everybody takes them for.
func arrange(app *cli.App, args []string) []string {
	if len(args) < 2 {
		return args
	}
	switch rest := args[2:]; args[1] {
	case "-h", "-help":
		return []string{args[0], "--help"}
	case "help":
		if len(rest) > 0 && rest[0] != "help" { // what is no command is said to be none
			return []string{args[0], rest[0], "--help"}
		}
		return []string{args[0], "--help"}
	}
	c := commandOf(app, args)
	if c == nil || c.SkipFlagParsing {
		return args
	}
	flags, own := split(c.Flags, args[2:])
	arranged := append([]string{args[0], args[1]}, flags...)
	if len(own) > 0 {
		arranged = append(append(arranged, "--"), own...)
	}
	return arranged
}

// commandOf returns the command that a command line names; nil if it names none.
func commandOf(app *cli.App, args []string) *cli.Command {
	if len(args) < 2 {
		return nil
	}
	return app.Command(args[1])
}

// split tells a command's flags with their values from its own arguments.
func split(flags []cli.Flag, args []string) (withValues, own []string) {
	for len(args) > 0 {
		arg, rest := args[0], args[1:]
		switch {
		case arg == "--":
			return withValues, append(own, rest...)
		case arg == "-" || !strings.HasPrefix(arg, "-"):
			own, args = append(own, arg), rest
			continue
		case arg == "-h" && (len(rest) == 0 || strings.HasPrefix(rest[0], "-") || flagOf(flags, "h") == nil):
			arg = "--help" // no host begins with -
		}
		withValues, args = append(withValues, arg), rest
		name, _, hasValue := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if f := flagOf(flags, name); f != nil && !hasValue && !isBool(f) && len(args) > 0 {
			withValues, args = append(withValues, args[0]), args[1:]
		}
	}
	return withValues, own
}

func flagOf(flags []cli.Flag, name string) cli.Flag {
	i := slices.IndexFunc(flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
	if i < 0 {
		return nil
	}
	return flags[i]
}

func flagNames(flags []cli.Flag) (names []string) {
	for _, f := range flags {
		if name := f.Names()[0]; name != "help" {
			names = append(names, name)
		}
	}
	return names
}

func isBool(f cli.Flag) bool { _, ok := f.(*cli.BoolFlag); return ok }

// What the library says of a wrong command line.
var (
	unknownFlag  = regexp.MustCompile(`^flag provided but not defined: -(.+)$`)
	withoutValue = regexp.MustCompile(`^flag needs an argument: -(.+)$`)
	badValue     = regexp.MustCompile(`^invalid (?:boolean )?value "(.*)" for (?:flag )?-(.+?): `)
	badVariable  = regexp.MustCompile(`^could not parse "(.*)" as .* value from environment variable "(.+)" for flag ([^:]+): `)
)

// usageError says it in terms of the flags of c.
func usageError(c *cli.Context, err error) error {
	flags, text := c.Command.Flags, err.Error()
	if m := unknownFlag.FindStringSubmatch(text); m != nil {
		if m[1] == "in" && flagOf(flags, "uri") == nil && flagOf(flags, "out") == nil { // it reads a dump only
			return exitcode.Usagef("there is no flag --in: the dump is an argument, as in %s", c.Command.UsageText)
		}
		if m[1] == "resume" {
			return exitcode.Usagef("there is no flag --resume: give the same command again, as it is")
		}
		if strings.HasPrefix(m[1], "o") && strings.HasSuffix(c.Command.UsageText, "> FILE") {
			return exitcode.Usagef("there is no flag %s: it writes to standard output, as in %s", dashed(m[1]), c.Command.UsageText)
		}
		return exitcode.Usagef("there is no flag %s%s", dashed(m[1]), nearest(flagNames(flags), m[1], "--"))
	}
	if m := withoutValue.FindStringSubmatch(text); m != nil {
		return exitcode.Usagef("%s needs a value", dashed(m[1]))
	}
	if m := badValue.FindStringSubmatch(text); m != nil {
		return exitcode.Usagef("%s %q: it is %s", dashed(m[2]), m[1], kind(flagOf(flags, m[2])))
	}
	if m := badVariable.FindStringSubmatch(text); m != nil {
		if strings.HasPrefix(m[1], "tcp://") { // Kubernetes, of a service that is called like us
			return exitcode.Usagef("the environment variable %s is %q, which Kubernetes sets for a service called %s: set enableServiceLinks: false in the pod, or rename the service",
				m[2], m[1], strings.ToLower(strings.TrimSuffix(m[2], "_PORT")))
		}
		return exitcode.Usagef("the environment variable %s is %q: --%s is %s", m[2], m[1], m[3], kind(flagOf(flags, m[3])))
	}
	return &exitcode.UsageError{Err: err}
}

func dashed(name string) string {
	return "--"[:min(2, len(name))] + name
}

// kind says what the value of a flag looks like.
func kind(f cli.Flag) string {
	switch f.(type) {
	case *cli.DurationFlag:
		return "a duration with its unit, such as 30s or 5m"
	case *cli.IntFlag, *cli.Int64Flag:
		return "a whole number"
	case *cli.Float64Flag:
		return "a number"
	case *cli.BoolFlag:
		return "true or false"
	}
	return "not a value of that flag"
}

// overlooked returns the variables of the environment that look like those of flags and are none. A
// variable that a command line names, as the token of a namespace, is not overlooked.
func overlooked(app *cli.App, args, environ []string) []string {
	prefix := strings.ToUpper(app.Name) + "_"
	var known, lines []string
	for _, c := range app.Commands {
		for _, f := range c.Flags {
			if d, ok := f.(cli.DocGenerationFlag); ok {
				known = append(known, d.GetEnvVars()...)
			}
		}
	}
	said := strings.Join(args, " ")
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		if name == prefix+"MAP_DB" {
			said += " " + value
		}
	}
	links := regexp.MustCompile("^" + prefix + "(SERVICE_|PORT_[0-9]+_)") // those of Kubernetes for a service of our name
	for _, e := range environ {
		name, _, _ := strings.Cut(e, "=")
		if strings.HasPrefix(name, prefix) && !slices.Contains(known, name) && !links.MatchString(name) && !strings.Contains(said, name) {
			lines = append(lines, name+" in the environment is not the variable of any flag and is ignored"+nearest(known, name, ""))
		}
	}
	slices.Sort(lines)
	return lines
}

// nearest asks whether the name was meant that looks most like it; empty: none is alike enough.
func nearest(names []string, name, dashes string) (near string) {
	best := 0.8
	for _, n := range names {
		if score := smetrics.JaroWinkler(n, name, 0.7, 4); score > best {
			best, near = score, "; did you mean "+dashes+n+"?"
		}
	}
	return near
}

// shownPasswords says how those passwords of a tool are given else that stand in the command line,
// where everybody on the host sees them.
func shownPasswords(args []string, tool string) (instead []string) {
	for i, arg := range args {
		name, value, given := strings.Cut(arg, "=")
		if !given && i+1 < len(args) {
			value = args[i+1]
		}
		shown, way := false, "give it in the environment (REDISCLI_AUTH), or with --password-file or --askpass"
		switch name {
		case "--pass", "-pass", "-a":
			shown = true
		case "--push-url", "-push-url":
			way = fmt.Sprintf("give --push-url in the environment (%s_PUSH_URL)", strings.ToUpper(tool))
			fallthrough
		case "--uri", "-uri", "-u":
			_, shown = WithoutPassword(value)
		}
		if shown && !slices.Contains(instead, way) {
			instead = append(instead, way)
		}
	}
	return instead
}
