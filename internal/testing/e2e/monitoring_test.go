package e2e

import (
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/freeport"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// elsewhere are metrics that the runs of this test do not have, and why. The tests of
// internal/metrics expose them.
var elsewhere = map[string]string{
	"server_write_stalls_total": "only a Kvrocks tells of them",
}

var (
	exposed = regexp.MustCompile(`(?m)^(?:pikadump|kvload)_([a-z_]+)\{`)
	wanted  = regexp.MustCompile(`\b(?:pikadump|kvload)_([a-z_]+[a-z])\b`)
)

// TestMonitoring: every metric that the dashboard and the alerts ask for is exposed by a dump that
// is stopped and resumed, by its load, or by what follows both; and no name of a key is, in metrics
// or in the log.
func TestMonitoring(t *testing.T) {
	parallel(t)
	s := simulate(t, pikasim.Options{Version: pikasim.V355, Databases: 1, Replication: true})
	fillSample(t, client(t, s.addr, 0))
	to, dir := startRedis(t), t.TempDir()
	dump, log, file := filepath.Join(dir, "dump"), filepath.Join(dir, "log"), filepath.Join(dir, "tool.prom")
	there := map[string]bool{}
	var all strings.Builder
	scraped := func(text string) {
		all.WriteString(text)
		for _, m := range exposed.FindAllStringSubmatch(text, -1) {
			there[m[1]] = true
		}
	}
	read := func(name string) string {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	// watch runs a tool slowly until all of these were scraped.
	watch := func(names []string, tool string, args ...string) *process {
		addr := freeport.Addr()
		p := start(t, tool, append(args, "--rate-keys", "150", "--metrics-addr", addr, "--metrics-file", file, "--log-file", log, "--quiet")...)
		p.await(t, "metrics: http")
		last := ""
		for _, name := range names {
			waitFor(t, name, func() bool {
				r, err := http.Get("http://" + addr + "/metrics")
				if err != nil {
					code, stderr := p.wait(t)
					t.Fatalf("no %s, %v; %d: %s", name, err, code, stderr)
				}
				text, _ := io.ReadAll(r.Body)
				r.Body.Close()
				last = string(text)
				scraped(last)
				return there[name]
			})
		}
		mustBeMetrics(t, last)
		return p
	}
	p := watch([]string{"wait_seconds_total", "server_up"}, "pikadump", "dump", "--uri", "redis://"+s.addr, "--out", dump)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.mustSay(t, 143, "--resume resumes it")
	if text := read(file); !strings.Contains(text, "pikadump_last_exit_code{") || !strings.Contains(text, "} 143\n") {
		t.Errorf("after a signal:\n%s", text)
	}
	start(t, "pikadump", "dump", "--uri", "redis://"+s.addr, "--out", dump, "--resume", "--metrics-file", file, "--log-file", log).mustSay(t, 0, "done: dumped")
	scraped(read(file))
	p = watch([]string{"server_cpu_cores", "remaining_seconds"}, "kvload", "load", "--uri", "redis://"+to.addr, "--in", dump, "--key-prefix-strip", "app:")
	p.kill()
	<-p.ended
	start(t, "kvload", "load", "--uri", "redis://"+to.addr, "--in", dump, "--key-prefix-strip", "app:", "--resume",
		"--metrics-file", file, "--log-file", log, "--log-format", "json").mustSay(t, 3, "not everything")
	scraped(read(file))
	chain := filepath.Join(dir, "chain")
	do(t, client(t, s.addr, 0), "SET", "app:user:new", "1")
	start(t, "pikadump", "follow", "--uri", "redis://"+s.addr, "--base", dump, "--out", chain, "--until-idle", "1s",
		"--metrics-file", file, "--log-file", log).mustSay(t, 0, "it is the last")
	scraped(read(file))
	start(t, "kvload", "follow", "--uri", "redis://"+to.addr, "--in", chain, "--base", dump,
		"--metrics-file", file, "--log-file", log).mustSay(t, 0, "delta 1: loaded")
	scraped(read(file))

	for _, name := range []string{"dashboard.json", "alerts.yaml"} {
		for _, m := range wanted.FindAllStringSubmatch(read("../../../deploy/grafana/"+name), -1) {
			if !there[m[1]] && elsewhere[m[1]] == "" {
				t.Errorf("%s asks for %s, which no run has exposed; there are %v", name, m[0], slices.Sorted(maps.Keys(there)))
			}
		}
	}
	for _, key := range []string{"app:session", "app:user", "queue:", "rank:"} {
		for what, text := range map[string]string{"metrics": all.String(), "log": read(log)} {
			if strings.Contains(text, key) {
				t.Errorf("the name of a key is in the %s:\n%s", what, text)
			}
		}
	}
}

// mustBeMetrics has promtool look at what was scraped.
func mustBeMetrics(t *testing.T, text string) {
	t.Helper()
	tool, err := exec.LookPath("promtool")
	if err != nil {
		t.Log("NO promtool: what was scraped is not checked")
		return
	}
	cmd := exec.Command(tool, "check", "metrics")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool: %v\n%s\n%s", err, out, text)
	}
}
