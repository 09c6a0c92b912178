package progress

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// inTerminal in the environment makes TestTerminal be what runs inside the terminal.
const inTerminal = "PROGRESS_TEST_IN_TERMINAL"

// TestTerminal: on a real terminal the lines are redrawn and wiped.
func TestTerminal(t *testing.T) {
	if os.Getenv(inTerminal) != "" {
		if !IsTerminal(os.Stderr) {
			t.Error("stderr is no terminal")
		}
		shown := make(chan struct{}, 100)
		m := NewMeter()
		m.Show = Display{Mode: Auto, Log: NewLog(os.Stderr)}.Show
		end := m.Begin("load", 1)
		m.Part(Name{Type: "hash"}).Add(1234, 0, 0)
		m.Note(func() string { shown <- struct{}{}; return "" })
		<-shown
		<-shown // the first frame was drawn
		end()
		return
	}
	script, err := exec.LookPath("script")
	if err != nil {
		t.Skip("NO script COMMAND: progress on a real terminal is not tested")
	}
	cmd := exec.Command(script, "-qec", "'"+os.Args[0]+"' -test.run '^TestTerminal$'", "/dev/null")
	cmd.Env = append(os.Environ(), inTerminal+"=1")
	cmd.Stdin = bytes.NewReader(nil)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "  1,234  ") || !strings.Contains(string(out), "\x1b[2KPASS") {
		t.Errorf("%v, %q", err, out)
	}
}
