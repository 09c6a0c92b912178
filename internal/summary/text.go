package summary

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
)

// Text writes the summary for people, in lines of at most so many columns, and of at most 80, but
// for what is to be pasted in one piece. Of a command that came to nothing it writes nothing: its
// error says why.
func (s *Summary) Text(w io.Writer, columns int) error {
	_, err := io.WriteString(w, s.text(min(columns, width)))
	return err
}

// String is Text in which no line is broken.
func (s *Summary) String() string { return s.text(math.MaxInt) }

func (s *Summary) text(width int) string {
	t := &text{width: width}
	switch {
	case len(s.Targets) > 0:
		for _, one := range s.Targets {
			one.body(t, one.Target+": ")
		}
	case s.Own:
	default:
		s.body(t, "")
	}
	for i, command := range s.Next {
		label := ""
		if i == 0 {
			label = "next"
		}
		t.command(label, command)
	}
	return t.String()
}

// isNothing reports whether there is nothing to show of a run that did not come to its end.
func (s *Summary) isNothing() bool {
	switch s.Result {
	case Done, Left, Different, Inconsistent:
		return false
	}
	return s.Keys == 0 && s.Comparison == nil && len(s.Files) == 0 && s.Rollback == nil && (s.Chain == nil || s.Result == Refused && s.Chain.Deltas == 0)
}

func (s *Summary) body(t *text, of string) {
	if s.isNothing() {
		return
	}
	if s.Command == "dump" && s.Finished {
		report.Totals(t, s.Totals, t.width)
	}
	t.write(of, "  ", s.headline())
	dump := s.Dump.Place
	if s.Dump.ID != "" {
		dump = strings.TrimSpace(dump + " (" + s.Dump.ID + ")")
	}
	t.say("dump", dump)
	switch c := s.Chain; {
	case s.Rollback == nil:
		c.text(t, s.Command, strings.Contains(s.Error, "the source was restarted"))
	case c != nil && c.Number == 0 && c.Deltas == 0: // nor may the base be
		t.say("chain", c.Place+": none of its deltas is loaded any more")
	case c != nil && c.Number == 0:
		t.say("chain", c.Place+": none of its deltas is loaded any more, only the base")
	case c != nil:
		t.say("chain", fmt.Sprintf("%s: loaded up to delta %d", c.Place, c.Number))
	}
	t.say("source", s.Source)
	t.say("target", s.Target)
	t.say("shard", s.Shard)
	if c := s.Dump.Consistency; c != "" && s.Command == "dump" {
		t.say("state", fmt.Sprintf("consistency: %s (%s)", c, s.Dump.Reason))
	}
	if s.Stored > 0 && s.Chunks > 0 {
		t.say("stored", fmt.Sprintf("%s in %s", progress.Bytes(s.Stored), progress.Plural(s.Chunks, "chunk", "chunks")))
	}
	if s.KeysPerSecond > 0 && s.Command != "follow" { // which waits for most of its time
		t.say("speed", fmt.Sprintf("%s a second, %s/s", progress.Plural(int64(s.KeysPerSecond+0.5), "key", "keys"), progress.Bytes(int64(s.BytesPerSecond))))
	}
	if s.Retries > 0 {
		t.say("retries", progress.Count(s.Retries))
	}
	if s.Deleted > 0 {
		t.say("deleted", progress.Plural(s.Deleted, "key of the target that is", "keys of the target that are")+" gone at the source")
	}
	list := s.left(t)
	s.Comparison.text(t)
	for _, note := range s.Notes {
		t.say("note", note)
	}
	for _, f := range s.Files {
		if f.Path != list {
			t.say(f.What, f.Path)
		}
	}
}

// verbs say what each command has done with the keys.
var verbs = map[string]string{"dump": "dumped", "load": "loaded", "finish": "loaded", "check": "sound:", "unpack": "unpacked", "pack": "packed",
	"cat": "wrote", "get": "wrote", "extract": "extracted", "merge": "merged", "follow": "made"}

// headline says how much, and how fast.
func (s *Summary) headline() string {
	text := s.Result + ": "
	if s.ExitCode != 0 {
		text = fmt.Sprintf("%s (exit code %d): ", s.Result, s.ExitCode)
	}
	took := ", in " + s.took()
	if s.DryRun {
		return text + "the preflight checks were made, and nothing was written"
	}
	if r := s.Rollback; r != nil {
		text += fmt.Sprintf("removed %s and put %s back", progress.Plural(r.Removed, "key", "keys"), progress.Count(r.Restored))
		if r.Untouched > 0 {
			text += fmt.Sprintf("; the load never began %s of the dump: what the target holds under the names there is left as it is", progress.Plural(r.Untouched, "chunk", "chunks"))
		}
		return text + took
	}
	verb := verbs[s.Command]
	if s.Command == "check" && s.Result != Done {
		verb = "looked at"
	}
	if s.Written > 0 {
		return text + verb + " " + progress.Plural(s.Written, "file", "files") + ", " + progress.Bytes(s.Stored) + took
	}
	if verb == "" && s.Chain == nil {
		if c := s.Comparison; c != nil {
			return text + fmt.Sprintf("compared %s%s", progress.Plural(c.Keys, "key", "keys"), took)
		}
		return text + s.Meaning
	}
	what := progress.Plural(s.Keys, "key", "keys")
	if c := s.Chain; c != nil && s.Command != "merge" {
		if verb += " "; verb == "made " && s.Tool == "kvload" {
			verb = "loaded "
		}
		if c.Deltas == 0 {
			return text + verb + "no delta" + took
		}
		verb, what = strings.TrimSpace(verb+progress.Plural(int64(c.Deltas), "delta", "deltas")), "of "+what
	}
	if s.Elements > 0 {
		what += " with " + progress.Plural(s.Elements, "element", "elements") + ", " + progress.Bytes(s.Bytes) + " of " + s.counted()
	}
	return text + verb + " " + what + took
}

// counted says what the bytes are of.
func (s *Summary) counted() string {
	switch s.Command {
	case "cat", "get":
		return "names and values"
	case "load", "follow", "finish", "rollback":
		if s.Target != "" {
			return "names and values"
		}
	}
	return "records"
}

func (s *Summary) took() string {
	text := duration(s.Seconds)
	switch {
	case s.AllSeconds >= s.Seconds:
		text += " by this run, " + duration(s.AllSeconds) + " in all"
	case s.AllSeconds > 0:
		text += " by this run; it was done before, in " + duration(s.AllSeconds)
	}
	return text
}

func duration(seconds float64) string {
	return progress.Took(time.Duration(seconds * float64(time.Second)))
}

// left says what was left out, and why, and returns the file that lists it; empty: none.
func (s *Summary) left(t *text) (list string) {
	label := "left out"
	for _, l := range s.LeftOut {
		text := fmt.Sprintf("%s: %s", progress.Plural(l.Keys, "key", "keys"), l.Reason)
		if l.Meaning != "" {
			text += " (" + l.Meaning + ")"
		}
		if !l.Lost {
			text += ": no loss"
		}
		t.say(label, text)
		for one := range strings.SplitSeq(l.List, nextList) {
			if l.Lost {
				list = lists(list, one)
			}
		}
		label = ""
	}
	switch s.Command {
	case "dump", "load", "finish":
		if len(s.LeftOut) == 0 && s.Finished {
			t.say("left out", "nothing")
		}
	}
	t.say("list", list)
	return list
}

func (c *Comparison) text(t *text) {
	if c == nil {
		return
	}
	for i, d := range c.Differences {
		label := ""
		if i == 0 {
			label = "differs"
		}
		text := fmt.Sprintf("%s: %s (%s)", progress.Plural(d.Keys, "key", "keys"), d.Kind, d.Meaning)
		if d.Explained {
			text += ": explained, no difference"
		}
		t.say(label, text)
	}
	if c.Sampled {
		text := progress.Of(c.Differing, c.Keys, "sampled key", "sampled keys", "differs", "differ")
		if c.Bound < 0.995 { // else it says nothing
			text += fmt.Sprintf(": with 95 %% confidence fewer than %.2g %% of all do", 100*c.Bound)
		}
		t.say("sample", text)
	}
	compared := "compared " + progress.Plural(c.Keys, "key", "keys") + ": "
	switch {
	case !c.Equal:
		t.say("equal", "no: "+strings.TrimSuffix(compared, ": "))
	case c.Sampled:
		t.say("equal", compared+"the sample is equal")
	case len(c.Differences) > 0:
		t.say("equal", compared+"equal, but for what is explained")
	default:
		t.say("equal", compared+"equal")
	}
}

// text says how far the chain is. Said is whether the error tells of a restart.
func (c *Chain) text(t *text, command string, said bool) {
	if c == nil {
		return
	}
	t.say("chain", c.Place)
	switch {
	case c.Number == 0:
		if command == "follow" || command == "load" { // others do not know
			t.say("state", "no delta made or loaded by this run")
		}
		return
	case c.Last:
		t.say("state", fmt.Sprintf("delta %d is the last: it was made while the writers were at rest", c.Number))
	}
	if c.Restarted && !said {
		t.say("restart", "the source was restarted: what was written in the moment before may be in no delta; pikadump dump --base finds it")
	}
	if c.Until.IsZero() { // encrypted
		return
	}
	if c.LagSeconds < 0 && c.LagBinlog == nil && c.LagNames == 0 { // nobody has asked the source
		t.say("until", c.Until.UTC().Format(time.RFC3339)+" by the source's clock")
		return
	}
	lag := "nothing was written since"
	if c.LagSeconds != 0 || c.LagNames != 0 || c.LagBinlog != nil && *c.LagBinlog != 0 {
		lag = "how far it is behind is not known"
		if c.LagSeconds >= 0 {
			lag = duration(c.LagSeconds) + " behind"
		}
		if c.LagBinlog != nil {
			lag += ", " + progress.Bytes(*c.LagBinlog) + " of binlog"
		}
		if c.LagNames > 0 || c.LagBinlog != nil { // of a target they are not known
			lag += ", " + progress.Plural(c.LagNames, "name", "names")
		}
	}
	t.say("until", c.Until.UTC().Format(time.RFC3339)+" by the source's clock; "+lag)
}

// A text is made of lines, each behind a label.
type text struct {
	strings.Builder
	width int
}

const (
	width  = 80
	indent = 12
)

// say writes a text behind its label, in as many lines as it takes. One that is empty is not
// written.
func (t *text) say(label, text string) {
	if text != "" {
		t.write(fmt.Sprintf("  %-*s", indent-2, label), strings.Repeat(" ", indent), text)
	}
}

// write writes a text behind what stands before its first line, and before the others.
func (t *text) write(first, others, text string) { progress.Wrap(t, first, others, text, t.width) }

// command writes a command line that can be pasted, broken between its words.
func (t *text) command(label, command string) {
	line := fmt.Sprintf("  %-*s", indent-2, label)
	for i, word := range words(command) {
		if i > 0 && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > t.width-2 {
			fmt.Fprintln(t, line+" \\")
			line = strings.Repeat(" ", indent) + "  " + word
			continue
		}
		if i > 0 {
			line += " "
		}
		line += word
	}
	fmt.Fprintln(t, line)
}

// words splits a command line between its words; those in quotes are one, and so is a flag with its
// value.
func words(command string) (all []string) {
	from, quoted, flag := 0, false, false
	for i, c := range command {
		if c == '\'' {
			quoted = !quoted
		}
		if c != ' ' || quoted {
			continue
		}
		if flag = !flag && command[from] == '-'; !flag || strings.HasPrefix(command[i+1:], "--") {
			all, from, flag = append(all, command[from:i]), i+1, false
		}
	}
	return append(all, command[from:])
}
