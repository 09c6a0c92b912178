package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/s3server"
)

// notRunExample is in the one example that is not run: it asks on a terminal, and wants the
// namespaces of a Kvrocks.
const notRunExample = "--askpass"

// TestExamples runs the examples of every command's help. Hosts, directories and buckets are those
// of the test; what an example needs is made before: a dump, a load, a file.
func TestExamples(t *testing.T) {
	for _, name := range []string{"pikadump", "kvload"} {
		var commands []string
		for line := range strings.Lines(output(t, tool(t, name), "__complete", "")) {
			if word, _, found := strings.Cut(line, "\t"); found {
				commands = append(commands, word)
			}
		}
		if len(commands) < 5 {
			t.Fatalf("%s has the commands %v", name, commands)
		}
		for _, command := range commands {
			t.Run(name+" "+command, func(t *testing.T) {
				parallel(t)
				help := output(t, tool(t, name), command, "--help")
				examples := commandLines(section(help, "EXAMPLES"))
				if len(examples) == 0 {
					t.Errorf("the help has no examples:\n%s", help)
				}
				ran := 0
				for _, line := range examples {
					if !strings.Contains(line, notRunExample) {
						runExample(t, command, line)
						ran++
					}
				}
				if lines := commandLines(section(help, "MANY MACHINES")); len(lines) > 0 {
					runExample(t, command, strings.Join(lines, "\n"))
				}
				t.Logf("%d of %d examples were run", ran, len(examples))
			})
		}
	}
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
	return string(out)
}

// section returns what stands below a heading of a help that has examples.
func section(help, title string) string {
	_, text, _ := strings.Cut(help, "\n"+title+":\n")
	return regexp.MustCompile(`(?m)^[A-Z][A-Z ]*:$`).Split(text, 2)[0]
}

// commandLines returns the commands among the lines, each of which may go on in the next.
func commandLines(text string) (commands []string) {
	open := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		first, _, _ := strings.Cut(line, " ")
		switch {
		case open:
			commands[len(commands)-1] += "\n" + line
		case first == "pikadump" || first == "kvload" || first == "source" || first == "ssh" || strings.Contains(first, "="):
			commands = append(commands, line)
		default:
			continue
		}
		open = strings.HasSuffix(line, "\\") || strings.HasSuffix(line, "|")
	}
	return commands
}

var (
	bucketExample = regexp.MustCompile(`'s3://backups/([a-z0-9]+)(\?[^']*)?'`)
	shardExample  = regexp.MustCompile(`(?s)(pikadump|kvload)( [^\n]*(?:\\\n[^\n]*)*)--shard 3/8([^\n]*)`)
	readFrom      = regexp.MustCompile(`(?:--in|kvload inspect|kvload inspect --json|kvload pack|kvload check|--identity key.txt) (/[^ \n]+|'s3:[^ \n]+|dump\b)`)
	lookedAt      = regexp.MustCompile(`^(?:.*\| )?kvload (?:get|cat|ls|stats|report|extract) [^|]*?(/backup/pika|'s3://backups/pika[^ ]*')`)
	chainExample  = regexp.MustCompile(`(/backup/chain|'s3://backups/chain')(?:/00000(\d))?`)
	baseExample   = regexp.MustCompile(`--base (\S+)|kvload merge [^|]*?(\S+/base'?) `)
)

// runExample runs a command line of the help, with what it needs.
func runExample(t *testing.T, command, line string) {
	t.Helper()
	run := line
	if command == "follow" && strings.HasPrefix(line, "pikadump") && !strings.Contains(line, "--once") && !strings.Contains(line, "--until-idle") {
		run = "timeout --preserve-status 2 " + line + " || [ $? = 143 ]" // it follows until it is stopped
	}
	script := strings.Join(needs(command, line), "\n") + "\necho '--- the example' >&2\n" + shardExample.ReplaceAllString(run, "for i in 0 1 2 3 4 5 6 7; do $1$2--shard $$i/8$3; done")
	dir := t.TempDir()
	databases := 1
	if strings.Contains(line, "--db 3") {
		databases = 4
	}
	s := simulate(t, pikasim.Options{Version: pikasim.V355, Databases: databases, Replication: true})
	c := client(t, s.addr, 0)
	fillSample(t, c)
	do(t, c, "SET", "user:1000", "v")
	do(t, c, "SET", "\x00\xff", "v")
	if databases > 1 {
		do(t, client(t, s.addr, 3), "HSET", "of db3", "f", "v")
	}
	if strings.Contains(script, "s3://") {
		server := s3server.Start(t)
		script = bucketExample.ReplaceAllStringFunc(script, func(m string) string { return "'" + server.URL(bucketExample.FindStringSubmatch(m)[1]) + "'" })
	}
	to := startRedis(t)
	script = strings.NewReplacer(
		"REDISCLI_AUTH=secret ", "", "10.0.0.5:9221", s.addr, "-h 10.0.0.5", asFlags(s.addr), "-h 10.0.0.9", asFlags(to.addr), "redis-cli --pipe", "redis-cli "+asFlags(to.addr)+" --pipe",
		"10.0.0.9:6666", to.addr, "any.node.of.cluster:6666", to.addr, "127.0.0.1:6666", to.addr, "10.1.0.9:6666", startRedis(t).addr,
		"/backup/", dir+"/backup/", "/nfs/", dir+"/nfs/", "/archive/", dir+"/archive/", "/shared/", dir+"/shared/", "/etc/", dir+"/etc/", "/var/lib/", dir+"/var/", "age1…", "$(age-keygen -o key.txt)",
		"print-config COMMAND", "print-config "+map[bool]string{true: "load", false: "dump"}[strings.Contains(line, "kvload")],
	).Replace(script)
	cmd := exec.Command("bash", "-c", "set -euo pipefail\nmkdir backup nfs archive shared etc\n"+script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+standIns(t)+":"+bin+":"+os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s\n%s", line, err, script, out)
	}
}

// needs returns the commands that make what an example reads.
func needs(command, line string) (script []string) {
	const source, target = "--quiet --uri redis://10.0.0.5:9221", "--quiet --uri redis://10.0.0.9:6666"
	if strings.Contains(line, "--config ") {
		script = append(script, "echo 'threads: 4' | tee etc/kvload.yaml > etc/pikadump.yaml")
	}
	if strings.Contains(line, "| source") { // as fish has it
		script = append(script, "source() { cat > /dev/null; }")
	} else if strings.Contains(line, "completion zsh") {
		script = append(script, "set +u; compdef() { :; }")
	}
	if strings.Contains(line, "keys.txt") {
		script = append(script, "age-keygen -o key.txt > keys.txt")
	}
	if command == "unpack" {
		script = append(script, "pikadump dump "+source+" --out packed", "kvload pack packed > pika.tar")
		if strings.Contains(line, "ssh source") { // the other host is this one
			script = append(script, "ssh() { kvload pack packed; }")
		}
		return script
	}
	encrypt := ""
	if strings.Contains(line, "key.txt") {
		encrypt = " --encrypt-to $(age-keygen -o key.txt)"
	}
	if strings.Contains(line, "names.txt") {
		script = append(script, "echo user:1000 > names.txt")
	}
	switch {
	case strings.HasPrefix(line, "pikadump follow"):
		return append(script, "pikadump dump "+source+" --out /backup/pika")
	case line == "pikadump dump --out /backup/pika --resume":
		return append(script, "pikadump dump "+source+" --out /backup/pika", "rm /backup/pika/manifest.json")
	case chainExample.MatchString(line):
		return append(script, needsChain(line, source, target, encrypt)...)
	}
	m := readFrom.FindStringSubmatch(line)
	if at := lookedAt.FindStringSubmatch(line); at != nil {
		m = at
	}
	if m == nil {
		return script
	}
	script = append(script, "pikadump dump "+source+" --out "+m[1]+encrypt)
	if command == "verify" && strings.HasPrefix(line, "kvload") || command == "finish" || command == "rollback" || strings.Contains(line, "report") && strings.Contains(line, "--state ") {
		load := "kvload load " + target + " --in " + m[1]
		for _, flag := range []string{"--state", "--on-exists", "--undo"} {
			if _, value, found := strings.Cut(line, flag+" "); found {
				load += " " + flag + " " + strings.Fields(value)[0]
			}
		}
		script = append(script, load)
	}
	return script
}

// needsChain returns the commands that make the chain that an example reads, the last of whose
// deltas says so, and its base, which is loaded; to roll deltas back, these are, too.
func needsChain(line, source, target, encrypt string) (script []string) {
	m, base, deltas := chainExample.FindStringSubmatch(line), "/backup/base", 1
	if b := baseExample.FindStringSubmatch(line); b != nil {
		base = b[1] + b[2]
	} else if strings.HasPrefix(m[1], "'s3:") {
		base = "'s3://backups/base'"
	}
	_, to, found := strings.Cut(line, "--to ")
	if n, err := strconv.Atoi(m[2] + strings.TrimSpace(to)); err == nil {
		deltas = n + 1
	}
	identity := ""
	if encrypt != "" {
		identity = " --identity key.txt"
	}
	script = append(script, "pikadump dump "+source+" --out "+base+encrypt, "kvload load "+target+" --in "+base+identity)
	for n := range deltas {
		end := "--once"
		if n == deltas-1 {
			end = "--until-idle 100ms"
		}
		script = append(script, fmt.Sprintf("redis-cli -h 10.0.0.5 SET changed:%d v", n),
			"pikadump follow "+source+" --base "+base+" --out "+m[1]+" "+end+identity+encrypt)
	}
	if found {
		script = append(script, "kvload load "+target+" --in "+m[1]+" --base "+base+" --undo undo")
	}
	return script
}
