package command

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// TestMain is also the tool that the shells complete, where it is called as one.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "tool" {
		os.Exit(Main(toolApp(os.Stdout), os.Args, classify))
	}
	os.Exit(m.Run())
}

// toolApp has a flag of each kind. Its commands print what they were given.
func toolApp(w io.Writer) *cli.App {
	action := func(c *cli.Context) error {
		_, err := fmt.Fprintf(c.App.Writer, "GOT %s mode=%s kinds=%s file=%s %v\n", c.Command.Name, c.String("mode"), c.String("kinds"), c.String("file"), c.Args().Slice())
		return err
	}
	flags := []cli.Flag{
		&cli.StringFlag{Name: "mode", Aliases: []string{"m"}, Usage: "`first|second|third` how it is done: one of three"},
		&cli.StringFlag{Name: "kinds", Usage: "`one,two,three` only these"},
		&cli.StringFlag{Name: "file", Usage: "read `FILE`"},
		&cli.StringFlag{Name: "dir", Usage: "write to `DIR`"},
		&cli.IntFlag{Name: "many"}, &cli.BoolFlag{Name: "quiet"}, &cli.BoolFlag{Name: "unseen", Hidden: true},
		&cli.StringSliceFlag{Name: "uri", Aliases: []string{"u"}, Usage: "`URL` of a server"},
	}
	return App(&cli.App{Name: "tool", Writer: w, Commands: []*cli.Command{
		{Name: "make", Usage: "make it", Flags: flags, Action: action},
		{Name: "read", Usage: "read it", ArgsUsage: "DIR", Action: action},
	}}, nil)
}

func TestComplete(t *testing.T) {
	for _, tc := range []struct{ typed, want string }{
		{"", "make read print-config version completion :space"},
		{"re", "read :space"},
		{"help ma", "make :space"},
		{"nosuch ", ":space"},
		{"make --m", "--mode --many :space"},
		{"make --mode first --m", "--many :space"}, // once is enough
		{"make --uri x --u", "--uri :space"},       // but of what can be given more than once
		{"make -m ", "first second third :space"},
		{"make --mode ", "first second third :space"},
		{"make --mode s", "second :space"},
		{"make --mode=s", "--mode=second :space"},
		{"make --mode = s", "second :space"}, // as bash divides it
		{"make --mode =", "first second third :space"},
		{"make --kinds t", "two three :nospace"},
		{"make --kinds two,t", "two,three :nospace"},
		{"make --kinds=two,t", "--kinds=two,three :nospace"},
		{"make --file ", ":files"},
		{"make --file = x", ":files"},
		{"make --dir ", ":dirs"},
		{"make --many ", ":space"},
		{"make --q", "--quiet :space"},
		{"make --quiet --un", ":space"},
		{"read ", ":dirs"},
		{"read --h", "--help :space"},
		{"completion ", "bash zsh fish :space"},
		{"print-config ma", "make :space"},
		{"print-config make --mode t", "third :space"},
	} {
		var out bytes.Buffer
		if code := Main(toolApp(&out), append([]string{"tool", completeName}, strings.Split(tc.typed, " ")...), classify); code != 0 {
			t.Errorf("%q: exit code %d", tc.typed, code)
		}
		var got []string
		for line := range strings.Lines(out.String()) {
			word, _, _ := strings.Cut(strings.TrimRight(line, "\n"), "\t")
			got = append(got, word)
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%q: %v, want %s", tc.typed, got, tc.want)
		}
	}
	var out bytes.Buffer
	Main(toolApp(&out), []string{"tool", completeName, "make", "--mo"}, classify)
	if want := "--mode\thow it is done\n:space\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

// typedAndGot is what a person types, with tabs, and what the tool is given then.
var typedAndGot = []struct{ typed, got string }{
	{"tool ma\t--mo\tsec\t", "GOT make mode=second kinds= file= []"},
	{"tool make --kinds thr\t,tw\t", "GOT make mode= kinds=three,two file= []"},
	{"tool make --file some\t", "GOT make mode= kinds= file=some-file.txt []"},
	{"tool make --mode=th\t", "GOT make mode=third kinds= file= []"},
	{"tool read a-d\t", "GOT read mode= kinds= file= [a-dir"},
}

// TestShells types into real shells.
func TestShells(t *testing.T) {
	for _, tc := range []struct{ name, start, prepare string }{
		{"bash", "bash --norc --noprofile -i", "bind 'set enable-bracketed-paste off'; source <(tool completion bash); PS1='READ''Y:'"},
		{"zsh", "zsh -f -i", "autoload -Uz compinit; compinit -u -D; source <(tool completion zsh); unsetopt zle_bracketed_paste prompt_cr; PS1='READ''Y:'"},
		{"zsh, a file", "zsh -f -i", "mkdir f; tool completion zsh > f/_tool; fpath=($PWD/f $fpath); autoload -Uz compinit; compinit -u -D; unsetopt prompt_cr; PS1='READ''Y:'"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			shell, _, _ := strings.Cut(tc.start, " ")
			s := startShell(t, shell, tc.start)
			fmt.Fprintln(s.in, tc.prepare)
			for _, line := range typedAndGot {
				s.await(t, "READY:")
				fmt.Fprint(s.in, line.typed+"\n")
				if got := s.await(t, "]"); !strings.Contains(got, line.got) {
					t.Errorf("%q: %q, want %s", line.typed, got, line.got)
				}
			}
		})
	}
}

// TestFish asks fish what it would show.
func TestFish(t *testing.T) {
	dir := shellDir(t, "fish")
	for _, tc := range []struct{ typed, want string }{
		{"tool ma", "make\tmake it"},
		{"tool make --mo", "--mode\thow it is done"},
		{"tool make --mode ", "first second third"},
		{"tool make --mode=th", "--mode=third"},
		{"tool make --kinds three,", "three,one three,two"},
		{"tool make --file some", "some-file.txt"},
		{"tool read a-", "a-dir/"},
	} {
		cmd := exec.Command("fish", "--no-config", "-c", "tool completion fish | source; complete -C "+fmt.Sprintf("%q", tc.typed))
		cmd.Dir, cmd.Env = dir, shellEnv(dir)
		out, err := cmd.CombinedOutput()
		var got []string
		for line := range strings.Lines(string(out)) {
			got = append(got, strings.TrimSpace(line))
		}
		slices.Sort(got)
		if err != nil || strings.Join(got, " ") != tc.want {
			t.Errorf("%q: %q, %v, want %q", tc.typed, out, err, tc.want)
		}
	}
}

// shellDir returns a directory with the tool, and a file and a directory to complete.
func shellDir(t *testing.T, shell string) string {
	t.Helper()
	if _, err := exec.LookPath(shell); err != nil {
		t.Skipf("NO %s: ITS COMPLETION IS NOT TESTED", shell)
	}
	dir := t.TempDir()
	self, err := os.Executable()
	if err == nil {
		err = os.Symlink(self, filepath.Join(dir, "tool"))
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "some-file.txt"), nil, 0o600)
	}
	if err == nil {
		err = os.Mkdir(filepath.Join(dir, "a-dir"), 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// shellEnv has a tool that was built with the race detector end at once, not after a second.
func shellEnv(dir string) []string {
	return append(os.Environ(), "GORACE=atexit_sleep_ms=0", "PATH="+dir+":"+os.Getenv("PATH"), "HOME="+dir,
		"TERM=dumb", "INPUTRC=/dev/null", "HISTFILE=/dev/null") // written when it is hung up
}

// A shell runs on a terminal of its own.
type shell struct {
	in  io.Writer
	out *bufio.Reader
}

func startShell(t *testing.T, name, start string) *shell {
	t.Helper()
	dir := shellDir(t, name)
	if _, err := exec.LookPath("script"); err != nil {
		t.Skip("NO script: COMPLETION IS NOT TESTED IN A TERMINAL")
	}
	cmd := exec.Command("script", "-qec", start, "/dev/null")
	cmd.Dir, cmd.Env = dir, shellEnv(dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return &shell{in: in, out: bufio.NewReader(out)}
}

// await returns what the shell prints up to some text.
func (s *shell) await(t *testing.T, text string) string {
	t.Helper()
	var got []byte
	for !bytes.HasSuffix(got, []byte(text)) {
		b, err := s.out.ReadByte()
		if err != nil {
			t.Fatalf("%v behind %q, before %q", err, got, text)
		}
		got = append(got, b)
	}
	return string(got)
}
