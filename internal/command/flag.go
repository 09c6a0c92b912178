package command

import (
	"cmp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// noTopic is that of a flag without a category. A test of each command has it that there is none.
const noTopic = "Other"

// A flagText is what a flag says of itself: the same in the help, in the manual page and to
// completion.
type flagText struct {
	flag    cli.Flag
	Names   []string // as they are typed, the short ones first
	Value   string   // what stands for its value: a word, choices (a|b), a list (a,b); empty: it takes none
	Usage   string
	Topic   string
	Repeats bool
}

// describe returns the text of a flag of a tool; false: it is hidden.
func describe(tool string, f cli.Flag) (t flagText, ok bool) {
	d, ok := f.(interface {
		cli.CategorizableFlag
		cli.DocGenerationFlag
	})
	if !ok || !d.IsVisible() {
		return t, false
	}
	t = flagText{flag: f, Topic: cmp.Or(d.GetCategory(), noTopic)}
	for _, name := range d.Names() {
		t.Names = append(t.Names, dashed(name))
	}
	slices.SortStableFunc(t.Names, func(a, b string) int { return min(len(a), 3) - min(len(b), 3) })
	if s, ok := f.(cli.DocGenerationSliceFlag); ok {
		t.Repeats = s.IsSliceFlag()
	}
	t.Usage = d.GetUsage()
	if before, value, found := strings.Cut(t.Usage, "`"); found {
		value, after, _ := strings.Cut(value, "`")
		t.Value, t.Usage = value, before+value+after
		if before == "" && strings.ContainsAny(value, "|,") { // choices are said once, beside the name
			t.Usage = strings.TrimSpace(after)
		}
	}
	if !d.TakesValue() {
		t.Value = ""
	} else if t.Value == "" {
		t.Value = standIn(f)
	}
	if text := defaultText(d); text != "" && !strings.Contains(t.Usage, "(default:") {
		t.Usage += " (default: " + text + ")"
	}
	for _, name := range d.GetEnvVars() {
		if name != variable(tool, d.Names()[0]) {
			t.Usage += " [$" + name + "]"
		}
	}
	return t, true
}

// choices returns the values that a flag, or a command's argument, can have, where its stand-in
// lists them; list: several of them, with commas.
func choices(standIn string) (words []string, list bool) {
	sep := "|"
	if !strings.Contains(standIn, sep) {
		sep, list = ",", true
	}
	words = strings.Split(standIn, sep)
	if len(words) < 2 || slices.ContainsFunc(words, func(w string) bool { return w == "" || w[0] < 'a' || w[0] > 'z' }) {
		return nil, false
	}
	return words, list
}

// Choose returns the value of a flag that takes one of those that its help lists.
func Choose[T ~string](v *Values, name string) T {
	return T(Get(v, func(c *cli.Context) (string, error) { return choice(c, name) }))
}

func choice(c *cli.Context, name string) (string, error) {
	text := c.String(name)
	f, _ := describe(c.App.Name, flagOf(c.Command.Flags, name))
	all, _ := choices(f.Value)
	if slices.Contains(all, text) {
		return text, nil
	}
	last := len(all) - 1
	return "", exitcode.Usagef("--%s %q: it is %s or %s", name, text, strings.Join(all[:last], ", "), all[last])
}

// standIn stands for the value of a flag that has no word for it.
func standIn(f cli.Flag) string {
	switch f.(type) {
	case *cli.DurationFlag:
		return "TIME"
	case *cli.IntFlag, *cli.Int64Flag, *cli.Float64Flag:
		return "N"
	}
	return "TEXT"
}

// defaultText returns the default of a flag as one would write it; empty if that is nothing.
func defaultText(d cli.DocGenerationFlag) string {
	text := progress.WithoutZeros(strings.Trim(d.GetDefaultText(), `"`))
	if text == "0" || text == "0s" || text == "false" {
		return ""
	}
	return text
}

// A group is some flags below one heading.
type group struct {
	Topic string // empty: those that most need
	Flags []flagText
}

// few is how many flags of a command need no topics.
const few = 7

// groups returns the flags of a command: first those that most need, in that order, then the rest
// by topic.
func (m manual) groups(c *cli.Command) []group {
	most := strings.Fields(m.most[c.Name])
	first, others := make([]flagText, len(most)), []flagText(nil)
	for _, f := range c.Flags {
		t, ok := describe(m.app.Name, f)
		switch i := slices.Index(most, f.Names()[0]); {
		case !ok:
		case i >= 0:
			first[i] = t
		default:
			others = append(others, t)
		}
	}
	first = slices.DeleteFunc(first, func(t flagText) bool { return t.flag == nil })
	if len(first)+len(others) <= few {
		first, others = append(first, others...), nil
	}
	var sorted []group
	if len(first) > 0 {
		sorted = append(sorted, group{Flags: first})
	}
	rest := map[string][]flagText{}
	for _, t := range others {
		rest[t.Topic] = append(rest[t.Topic], t)
	}
	for topic, texts := range rest {
		slices.SortFunc(texts, func(a, b flagText) int { return strings.Compare(a.flag.Names()[0], b.flag.Names()[0]) })
		sorted = append(sorted, group{topic, texts})
	}
	place := func(g group) int {
		if i := slices.Index(topics, g.Topic); i >= 0 || g.Topic == "" {
			return i
		}
		return len(topics)
	}
	slices.SortFunc(sorted, func(a, b group) int { return cmp.Or(place(a)-place(b), strings.Compare(a.Topic, b.Topic)) })
	return sorted
}
