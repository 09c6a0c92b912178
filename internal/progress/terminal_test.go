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

// TestTerminal: on a real terminal the line is redrawn and wiped.
func TestTerminal(t *testing.T) {
	if os.Getenv(inTerminal) != "" {
		if !IsTerminal(os.Stderr) {
			t.Error("stderr is no terminal")
		}
		shown := make(chan struct{}, 100)
		stop := Start(NewLog(os.Stderr), func() Point {
			shown <- struct{}{}
			return Point{Keys: 1234, Done: -1}
		})
		<-shown
		<-shown // the first line is being drawn
		stop()
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
	if err != nil || !strings.Contains(string(out), "1,234 keys") || !strings.Contains(string(out), "\r\x1b[KPASS") {
		t.Errorf("%v, %q", err, out)
	}
}
