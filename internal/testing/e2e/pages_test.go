package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/s3server"
)

// notRun begins the first line of a block of commands that needs what no test has. What stands
// behind it says what that is.
const notRun = "# Not run by the tests: "

// bucketURL stands in the pages for a dump in a bucket.
const bucketURL = "s3://BUCKET/pika?region=eu-west-1"

// Lines in the commands of a page between which something writes to the source.
const (
	writersWork = "# the writers are at work"
	writersStop = "# now stop the writers"
)

// pages are the documents whose commands are run, with the number of their blocks that are not.
var pages = map[string]int{
	"docs/operations/README.md":        0,
	"docs/operations/cut-over.md":      1,
	"docs/operations/follow.md":        3,
	"docs/operations/plan.md":          0,
	"docs/operations/dump.md":          0,
	"docs/operations/consistency.md":   1,
	"docs/operations/incremental.md":   1,
	"docs/operations/move.md":          0,
	"docs/operations/load.md":          1,
	"docs/operations/targets.md":       1,
	"docs/operations/verify.md":        0,
	"docs/operations/undo.md":          0,
	"docs/operations/look.md":          0,
	"docs/operations/when-it-stops.md": 0,
	"docs/operations/many-machines.md": 0,
	"docs/operations/configuration.md": 0,
	"docs/operations/monitoring.md":    1,
	"docs/operations/progress.md":      1,
	"docs/operations/results.md":       0,
	"docs/operations/statistics.md":    0,
	"README.md":                        0,
}

// TestPages runs the ```sh blocks of the pages, each page from top to bottom in one shell, as a
// reader would paste them. Lines that end in "# exit code N" must end so, all others with 0.
func TestPages(t *testing.T) {
	paths, err := filepath.Glob("../../../docs/operations/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(paths, "../../../README.md") {
		name := strings.TrimPrefix(path, "../../../")
		t.Run(strings.ReplaceAll(name, "/", " "), func(t *testing.T) {
			parallel(t)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			script, left := pageScript(name, string(text))
			if want, ok := pages[name]; !ok || left != want {
				t.Errorf("%d blocks of %s are not run; the list of pages in this test says %d", left, name, want)
			}
			if strings.Contains(script, "---") {
				runPage(t, script, standIns(t))
			}
		})
	}
}

var exitCode = regexp.MustCompile(`#.*\bexit code (\d+)`)

// pageScript returns the commands of a page, and how many of its blocks are not run.
func pageScript(name, text string) (script string, left int) {
	var out strings.Builder
	out.WriteString("set -euo pipefail\n")
	block, skip, command := false, false, ""
	for i, line := range strings.Split(text, "\n") {
		switch {
		case line == "```sh":
			block, skip = true, false
		case line == "```":
			block = false
		case block && strings.HasPrefix(line, notRun):
			skip, left = true, left+1
		case block && !skip:
			command += line + "\n"
			if strings.HasSuffix(line, "\\") || strings.HasSuffix(line, "|") || isQuoting(command) || strings.Contains(command, "<<'END'") && line != "END" {
				continue
			}
			fmt.Fprintf(&out, "echo '--- %s:%d' >&2\n", name, i+1)
			if m := exitCode.FindStringSubmatch(command); m != nil {
				fmt.Fprintf(&out, "code=0\n%s || code=$?\n[ $code = %s ] || { echo \"exit code $code, not %[2]s\" >&2; exit 1; }\n",
					strings.TrimSpace(command[:strings.Index(command, m[0])]), m[1])
			} else {
				out.WriteString(command)
			}
			command = ""
		}
	}
	return out.String(), left
}

var comments = regexp.MustCompile(`(?m)(^| +)#.*$`)

// isQuoting reports whether a command ends inside quotes.
func isQuoting(command string) bool {
	command = comments.ReplaceAllString(command, "")
	return strings.Count(command, `"`)%2 == 1 || strings.Count(command, "'")%2 == 1
}

// runPage runs a script with servers and a directory of its own, and with the programs in a
// directory of tools. It returns what was said, and the script's directory.
func runPage(t *testing.T, script, tools string) (said, dir string) {
	t.Helper()
	s := simulate(t, pikasim.Options{Version: pikasim.V355, Databases: 1, Replication: true})
	if addrs := os.Getenv("PIKA_ADDR"); addrs != "" {
		s.addr, _, _ = strings.Cut(addrs, ",")
		emptied(t, "PIKA_ADDR", s.addr)
	}
	fillSample(t, client(t, s.addr, 0))
	to, second := startRedis(t), startRedis(t)
	if addr := os.Getenv("KVROCKS_ADDR"); addr != "" {
		emptied(t, "KVROCKS_ADDR", addr)
		to.addr = addr
	}
	if strings.Contains(script, bucketURL) {
		script = strings.ReplaceAll(script, bucketURL, s3server.Start(t).URL("pika"))
	}
	script = strings.NewReplacer(
		"PIKA:9221", s.addr, "-h PIKA -p 9221", asFlags(s.addr),
		"KVROCKS:6666", to.addr, "-h KVROCKS -p 6666", asFlags(to.addr),
		"KVROCKS-B:6666", second.addr,
		writersWork, "while redis-cli "+asFlags(s.addr)+" SET app:name:1 $RANDOM; do sleep 0.05; done >/dev/null & writers=$!",
		writersStop, "[ -z \"${writers:-}\" ] || { kill $writers; wait $writers; writers=; } || true",
	).Replace(script)
	tool(t, "kvload")
	cmd := exec.Command("bash", "-c", script)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "PATH="+tools+":"+bin+":"+os.Getenv("PATH"))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v:\n%s", err, out.String())
	}
	if testing.Verbose() {
		t.Log(out.String())
	}
	return out.String(), cmd.Dir
}

// asFlags writes an address as flags of redis-cli.
func asFlags(addr string) string {
	host, port, _ := strings.Cut(addr, ":")
	return "-h " + host + " -p " + port
}

// standIns returns a directory with programs that take the place of ones this machine need not
// have.
func standIns(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	keygen := fmt.Sprintf("#!/bin/sh\n[ \"$1\" = -o ] && umask 077 && echo %s > \"$2\"\necho %s\n", identity, identity.Recipient())
	for name, text := range map[string]string{
		"age-keygen": keygen,
		"ssh":        "#!/bin/sh\nshift\nexec sh -c \"$*\"\n", // the other host is this one
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// fillSample writes some keys of every type, some with an expiry.
func fillSample(t *testing.T, c *redis.Client) {
	t.Helper()
	f := newFiller(t, c)
	for i := range 2000 {
		f.do("SET", fmt.Sprintf("app:session:%d", i), fmt.Sprintf("token %d", i), "EX", 86400+i)
	}
	for i := range 200 {
		f.do("SET", fmt.Sprintf("app:name:%d", i), fmt.Sprintf("user %d", i))
		f.do("HMSET", fmt.Sprintf("app:user:%d", i), "name", fmt.Sprintf("user %d", i), "visits", i)
		f.do("RPUSH", fmt.Sprintf("queue:%d", i), "a", "b", "a")
		f.do("SADD", fmt.Sprintf("tags:%d", i), "x", "y")
		f.do("ZADD", fmt.Sprintf("rank:%d", i), 1.5, "m", "-inf", "least")
		f.do("XADD", fmt.Sprintf("events:%d", i), "1-1", "field", "value")
	}
	f.flush()
}
