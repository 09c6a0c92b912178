package command

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"
	"go.yaml.in/yaml/v3"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
)

const maxConfig = 1 << 20

func configFlag() cli.Flag {
	return Text("config", configuration, "take flags that are neither given nor in the "+
		"environment from `FILE` (YAML), under their names without --; a section named after a "+
		"command is for that one alone; print-config shows the result")
}

// A setting is what a configuration file says of a flag.
type setting struct {
	values []string // one, or those of a list
	line   int
}

// sources is the key of app.Metadata below which the origin of each value is, by flag.
const sources = "sources"

// configure gives the flags of a command the values of its configuration file, unless they have
// others by the command line, which is args, or the environment.
func configure(log io.Writer, c *cli.Context, args []string) error {
	from := map[string]string{}
	for _, f := range c.Command.Flags {
		if f.IsSet() { // not c.IsSet, which asks all flags for their names, for each
			from[f.Names()[0]] = "environment"
		}
	}
	for _, arg := range args {
		name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if f := flagOf(c.Command.Flags, name); f != nil && strings.HasPrefix(arg, "-") {
			from[f.Names()[0]] = "command line"
		}
	}
	c.App.Metadata[sources] = from
	path := c.String("config")
	if path == "" {
		return nil
	}
	settings, err := readConfig(c.App, c.Command, path)
	if err != nil {
		return exitcode.Usagef("--config: %w", err)
	}
	secret := false
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		s, f := settings[name], flagOf(c.Command.Flags, name)
		if from[name] != "" {
			continue
		}
		where := fmt.Sprintf("%s:%d", path, s.line)
		from[name] = where
		values := s.values
		if _, list := f.(*cli.StringSliceFlag); !list {
			values = []string{strings.Join(values, ",")}
		}
		for _, v := range values {
			if err := c.Set(name, v); err != nil {
				return exitcode.Usagef("%s: %s is %q: it is %s", where, name, masked(name, v), kind(f))
			}
			secret = secret || masked(name, v) != v
		}
	}
	if secret {
		warnReadable(log, path)
	}
	return nil
}

// warnReadable says that others can read the passwords in a file.
func warnReadable(log io.Writer, path string) {
	if i, err := os.Stat(path); err == nil && i.Mode().Perm()&0o077 != 0 {
		fmt.Fprintf(log, "warning: %s holds a password, and others on this host can read it: "+
			"chmod 600 %[1]s\n", path)
	}
}

// readConfig returns what a file says of the flags of a command.
func readConfig(app *cli.App, of *cli.Command, path string) (map[string]setting, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxConfig+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxConfig {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxConfig)
	}
	var doc, second yaml.Node
	documents := yaml.NewDecoder(bytes.NewReader(data))
	switch err := documents.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := documents.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s:%d: a second document begins there: put all flags into one", path, second.Line)
	}
	var all []cli.Flag
	for _, c := range app.Commands {
		all = append(all, c.Flags...)
	}
	settings, own := map[string]setting{}, map[string]setting{}
	err = pairs(path, doc.Content[0], func(key, value *yaml.Node) error {
		c := app.Command(key.Value)
		if c == nil || value.Kind != yaml.MappingNode {
			return read(path, key, value, all, append(commandNames(app), flagNames(all)...), settings)
		}
		section := map[string]setting{}
		if c == of {
			section = own
		}
		return pairs(path, value, func(key, value *yaml.Node) error {
			return read(path, key, value, c.Flags, flagNames(c.Flags), section)
		})
	})
	maps.Copy(settings, own)
	maps.DeleteFunc(settings, func(name string, _ setting) bool { return flagOf(of.Flags, name) == nil })
	return settings, err
}

// pairs calls do with each key and value of a mapping, none of which may stand twice.
func pairs(path string, m *yaml.Node, do func(key, value *yaml.Node) error) error {
	if m.Kind != yaml.MappingNode {
		return fmt.Errorf("%s:%d: there are names of flags with their values, such as threads: 8", path, m.Line)
	}
	seen := map[string]int{}
	for pair := range slices.Chunk(m.Content, 2) {
		key, value := pair[0], pair[1]
		if line := seen[key.Value]; line > 0 {
			return fmt.Errorf("%s:%d: %s stands in line %d already", path, key.Line, key.Value, line)
		}
		seen[key.Value] = key.Line
		if value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		if err := do(key, value); err != nil {
			return err
		}
	}
	return nil
}

// read puts what a file says of a flag into settings. Names are those it could have.
func read(path string, key, value *yaml.Node, flags []cli.Flag, names []string, settings map[string]setting) error {
	name := key.Value
	switch {
	case name == "config":
		return fmt.Errorf("%s:%d: a configuration file names no other", path, key.Line)
	case value.Kind == yaml.MappingNode && slices.Contains(flagNames(flags), name):
		return fmt.Errorf("%s:%d: %s takes a value or a list", path, key.Line, name)
	case slices.Contains(names, name) && !slices.Contains(flagNames(flags), name):
		return fmt.Errorf("%s:%d: %s is a command: its flags stand below it, each in a line that "+
			"is indented", path, key.Line, name)
	case !slices.Contains(flagNames(flags), name):
		return fmt.Errorf("%s:%d: %s is no flag%s", path, key.Line, name, nearest(names, name, ""))
	}
	s := setting{line: key.Line}
	nodes := []*yaml.Node{value}
	if value.Kind == yaml.SequenceNode {
		nodes = value.Content
	}
	for _, n := range nodes {
		if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
			return fmt.Errorf("%s:%d: %s has no value: give one, or a list", path, n.Line, name)
		}
		s.values = append(s.values, n.Value)
	}
	if len(s.values) > 0 {
		settings[name] = s
	}
	return nil
}

// masked returns the value of a flag without a password.
func masked(name, value string) string {
	const mask = "***"
	if name == "pass" && value != "" {
		return mask
	}
	_, rest, isURL := strings.Cut(value, "://")
	if !isURL {
		rest = value
	}
	at := strings.LastIndexByte(rest, '@')
	if at < 0 || !isURL && name != "uri" {
		return value
	}
	user, _, has := strings.Cut(rest[:at], ":")
	if !has {
		return value
	}
	return value[:len(value)-len(rest)] + user + ":" + mask + rest[at:]
}

// printConfig is the name of the command that shows the values of another.
const printConfig = "print-config"

func printConfigCommand(app *cli.App) *cli.Command {
	var names []string
	for _, c := range app.Commands {
		if len(c.Flags) > 0 {
			names = append(names, c.Name)
		}
	}
	return &cli.Command{
		Name: printConfig, Usage: "show the flags of a command, and where their values come from",
		UsageText: app.Name + " " + printConfig + " COMMAND [options]", ArgsUsage: strings.Join(names, "|"), SkipFlagParsing: true,
		Description: strings.ReplaceAll(`Shows what COMMAND would run with: what the command line, the environment and
the file of --config say, in this order, and as comments the defaults.
Passwords are masked. What is printed is such a file. Nothing else is done.

CONFIGURATION FILE:
   uri: redis://10.0.0.9:6666   # for every command that has such a flag
   password-file: /etc/TOOL.password
   COMMAND:                     # for this one alone
     threads: 16

EXAMPLES:
   TOOL print-config COMMAND --config /etc/TOOL.yaml
   TOOL print-config COMMAND --threads 4
`, "TOOL", app.Name),
		Action: func(c *cli.Context) error {
			if slices.Contains(c.Args().Slice(), "--help") {
				cli.HelpPrinter(c.App.Writer, "", c.Command)
				return nil
			}
			of := c.App.Command(c.Args().First())
			if of == nil || !slices.Contains(names, of.Name) {
				return exitcode.Usagef("name one command: %s", strings.Join(names, ", "))
			}
			of.Action = func(c *cli.Context) error { return printValues(c.App.Writer, c) }
			return c.App.RunContext(c.Context, arrange(c.App, append([]string{c.App.Name}, c.Args().Slice()...)))
		},
	}
}

// printValues writes the flags of a command with their values and where these come from: a
// configuration file.
func printValues(w io.Writer, c *cli.Context) error {
	from := c.App.Metadata[sources].(map[string]string)
	lines := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(lines, "# %s %s\n", c.App.Name, c.Command.Name)
	for _, name := range slices.Sorted(slices.Values(flagNames(c.Command.Flags))) {
		f := flagOf(c.Command.Flags, name).(cli.DocGenerationFlag)
		before, source := "", from[name]
		if source == "" || name == "config" {
			before = "# "
		}
		value, err := shownValue(c, name)
		if err != nil {
			return err
		}
		if source == "" {
			source = "default"
			if text := strings.Trim(f.GetDefaultText(), `"`); text != "" {
				value = text
			}
		}
		fmt.Fprintf(lines, "%s%s: %s\t# %s\n", before, name, value, source)
	}
	return lines.Flush()
}

// shownValue returns the value of a flag as YAML, without a password.
func shownValue(c *cli.Context, name string) (string, error) {
	var n yaml.Node
	value := c.Value(name)
	switch v := value.(type) {
	case cli.StringSlice:
		var all []string
		for _, s := range v.Value() {
			all = append(all, masked(name, s))
		}
		value = all
	case string:
		value = masked(name, v)
	}
	if err := n.Encode(value); err != nil {
		return "", err
	}
	n.Style |= yaml.FlowStyle
	data, err := yaml.Marshal(&n)
	return strings.TrimSpace(string(data)), err
}
