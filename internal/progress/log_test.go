package progress

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// atNoon is a log whose clock stands.
func atNoon(out *bytes.Buffer) *Log {
	return &Log{w: out, now: func() time.Time { return time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC) }}
}

const noon = "2026-11-28 12:00:00 "

// TestLogTerminal: messages come above the lines of progress and stay, a question is not written
// over, and at the end nothing of the progress is left; also if the terminal became narrower.
func TestLogTerminal(t *testing.T) {
	s := newScreen(40, 24)
	l := &Log{w: s, size: s.size, now: time.Now}
	is := func(want string) {
		t.Helper()
		if got := s.String(); got != want {
			t.Errorf("the terminal shows\n%s\n--- want\n%s", got, want)
		}
	}
	l.draw([]string{"one", "two"})
	is("one\ntwo\n")
	fmt.Fprint(l, "a message\nand another\n")
	is("a message\nand another\none\ntwo\n")
	l.draw([]string{"three", "four", "five"})
	is("a message\nand another\nthree\nfour\nfive\n")
	long := strings.Repeat("x", 39)
	l.draw([]string{long, "\x1b[31mend\x1b[0m"})
	s.width = 20 // now the first line takes two rows
	fmt.Fprintln(l, "narrow")
	s.width = 60
	l.draw([]string{"wide"})
	is("a message\nand another\nnarrow\nwide\n")
	fmt.Fprint(l, "Password: ")
	l.draw([]string{"not now"})
	is("a message\nand another\nnarrow\nPassword: ")
	fmt.Fprintln(l)
	is("a message\nand another\nnarrow\nPassword: \nnot now\n")
	l.forget() // the process was stopped, and goes on
	fmt.Fprint(s, "$ fg\n")
	l.draw([]string{"again"})
	is("a message\nand another\nnarrow\nPassword: \nnot now\n$ fg\nagain\n")
	fmt.Fprint(&beside{l, s}, "a result\n") // on stdout
	is("a message\nand another\nnarrow\nPassword: \nnot now\n$ fg\na result\nagain\n")
	l.draw(nil)
	is("a message\nand another\nnarrow\nPassword: \nnot now\n$ fg\na result\n")
}

// TestLogFile: what is no terminal gets lines with the time, and nothing that moves a cursor.
func TestLogFile(t *testing.T) {
	var out bytes.Buffer
	l := atNoon(&out)
	fmt.Fprint(l, "one\ntwo\nthr")
	fmt.Fprint(l, "ee\n")
	l.say("10 keys", false)
	l.say("{}", true)
	if want := noon + "one\n" + noon + "two\n" + noon + "three\n" + noon + "10 keys\n{}\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
	if IsTerminal(&out) || IsTerminal(&beside{l, &out}) || l.Beside(&out) != io.Writer(&out) {
		t.Error("a buffer is a terminal")
	}
}
