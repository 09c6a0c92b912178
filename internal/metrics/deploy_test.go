package metrics

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	grafana = "../../deploy/grafana"
	page    = "../../docs/operations/monitoring.md"
)

// named are the metrics of a tool that a text names.
var named = regexp.MustCompile(`\b(?:pikadump|kvload)_([a-z_]+[a-z])\b`)

func readAll(t *testing.T, names ...string) (text string) {
	t.Helper()
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text += string(data)
	}
	return text
}

// families are all of them.
var families = []*family{
	buildInfo, runInfo, active, keys, elements, size, ratio, remaining, chunks, lag, lagBinlog, lagNames, deltas, leftOut, retries, waits, waiting,
	serverUp, serverTook, serverOps, serverCPU, serverMemory, serverDisk, serverStalls,
	lastProgress, lastEnd, lastCode, lastSuccess,
}

// TestNamesExist: what the dashboard and the alerts name is a metric, and the page has them all.
func TestNamesExist(t *testing.T) {
	all := map[string]bool{}
	for _, f := range families {
		all[f.name] = true
	}
	for _, m := range named.FindAllStringSubmatch(readAll(t, grafana+"/dashboard.json", grafana+"/alerts.yaml", grafana+"/alerts-test.yaml", page), -1) {
		if !all[m[1]] {
			t.Errorf("there is no metric %s", m[0])
		}
	}
	text := readAll(t, page)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !strings.Contains(text, "`"+name+"`") {
			t.Errorf("%s does not say what %s is", page, name)
		}
	}
}

// expressions returns those of the dashboard, without Grafana's variables.
func expressions(t *testing.T) (all []string) {
	var d struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(readAll(t, grafana+"/dashboard.json")), &d); err != nil {
		t.Fatal(err)
	}
	for _, p := range d.Panels {
		if len(p.Targets) == 0 {
			t.Errorf("panel %q shows nothing", p.Title)
		}
		for _, one := range p.Targets {
			all = append(all, strings.NewReplacer("$__rate_interval", "1m", "$server", ".*").Replace(one.Expr))
		}
	}
	return all
}

// TestRules: Prometheus takes the alerts and what the dashboard asks for, and the alerts fire when
// they are to.
func TestRules(t *testing.T) {
	all := expressions(t)
	tool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("NO promtool: THE ALERTS AND THE DASHBOARD ARE NOT CHECKED")
	}
	var rules strings.Builder
	rules.WriteString("groups:\n- name: dashboard\n  rules:\n")
	for i, expr := range all {
		fmt.Fprintf(&rules, "  - record: panel:%d\n    expr: %q\n", i, expr)
	}
	file := filepath.Join(t.TempDir(), "dashboard.yaml")
	if err := os.WriteFile(file, []byte(rules.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"check", "rules", "--lint-fatal", filepath.Join(grafana, "alerts.yaml")},
		{"check", "rules", "--lint-fatal", file},
		{"test", "rules", filepath.Join(grafana, "alerts-test.yaml")},
	} {
		if out, err := exec.Command(tool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}
