package progress

import (
	"bytes"
	"strings"
	"testing"
)

func TestAtWords(t *testing.T) {
	for _, tc := range []struct{ line, want string }{
		{"short\n", "short\n"},
		{"just twenty columns.\n", "just twenty columns.\n"},
		{"one more than twenty.\n", "one more than\n  twenty.\n"},
		{"a line that goes on for more than two of them\n", "a line that goes on\n  for more than two\n  of them\n"},
		{"äöü äöü äöü äöü äöü.\n", "äöü äöü äöü äöü äöü.\n"}, // columns, not bytes
		{"words and then one_that_is_longer_than_a_line ends\n", "words and then\n  one_that_is_longer_than_a_line ends\n"},
		{"kvload load --uri redis://h --in dump\n", "kvload load --uri redis://h --in dump\n"},
		{"resume: kvload load --uri redis://h --in dump\n", "resume:\n  kvload load --uri redis://h --in dump\n"},
		{"words before (kvload load --in dump), and behind\n", "words before\n  (kvload load --in dump), and behind\n"},
		{"what comes before is broken: kvload load --uri redis://h\n", "what comes before is\n  broken:\n  kvload load --uri redis://h\n"},
		{"   db    type   keys  elements\n", "   db    type   keys\n  elements\n"},
		{"     --left-out /a/long/path\n", "     --left-out /a/long/path\n"},
		{"     'a name of several words'\n", "     'a name of several words'\n"},
		{"a question without end: ", "a question without\n  end: "},
	} {
		if got := string(atWords([]byte(tc.line), 20)); got != tc.want {
			t.Errorf("%q: %q, want %q", tc.line, got, tc.want)
		}
	}
}

// TestNarrow: help on a terminal that is narrower than it. A table keeps its columns, a paragraph
// is filled, and a command stays in one piece.
func TestNarrow(t *testing.T) {
	const text = "TITLE:\n   a paragraph whose lines are\n   too wide for it\n\n   it fits\n   so\n\n   one   behind more than one blank\n   three short\n" +
		"   kvload check --all --of it\n   NS=1 kvload load --in dump \\\n      --db 0\n   # a comment that is wide\n"
	const want = "TITLE:\n   a paragraph whose\n   lines are too wide\n   for it\n\n   it fits\n   so\n\n   one   behind more\n         than one\n         blank\n   three short\n" +
		"   kvload check --all --of it\n   NS=1 kvload load --in dump \\\n      --db 0\n   # a comment that is wide\n"
	if got := Narrow(text, 21); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if got := Narrow(text, 0); got != text {
		t.Errorf("no terminal: %s", got)
	}
}

// TestMessagesBreakAtWords: on a terminal only.
func TestMessagesBreakAtWords(t *testing.T) {
	const message = "a message that is longer than the terminal is wide\n"
	var out bytes.Buffer
	l := &Log{w: &out, size: func() (int, int) { return 30, 24 }}
	if _, err := l.Write([]byte(message)); err != nil || out.String() != "a message that is longer than\n  the terminal is wide\n" {
		t.Errorf("%v, %q", err, out.String())
	}
	out.Reset()
	l = NewLog(nil)
	l.w = &out
	if _, err := l.Write([]byte(message)); err != nil || !strings.HasSuffix(out.String(), " "+message) {
		t.Errorf("%v, %q", err, out.String())
	}
}
