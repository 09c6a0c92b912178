package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// changing runs pikadump verify, which must end with that exit code, and returns its report.
func changing(t *testing.T, code int, dir string, s source, flags ...string) []differs {
	t.Helper()
	report := filepath.Join(t.TempDir(), "changed.jsonl")
	args := append([]string{"verify", "--quiet", "--uri", "redis://" + s.addr, "--in", dir, "--report", report}, flags...)
	mustRun(t, code, "pikadump", args...)
	return readDiffers(t, report)
}

// unlike are alterations that a Pika cannot be brought to, or that mean something else there.
func unlike(s source, d alteration) bool {
	if strings.HasPrefix(d.name, "extra:") { // new keys are not looked for
		return true
	}
	if s.version == pikasim.V340 && strings.HasPrefix(d.name, "stream:") {
		return true
	}
	if strings.Contains(d.name, "1 ms later") || strings.Contains(d.name, "last id") || strings.Contains(d.name, "entries added") {
		return true // a Pika has no PEXPIREAT to the millisecond on all versions, and no XSETID
	}
	// Up to 3.5 a name can be of another type besides.
	return !s.oneType() && strings.Contains(d.name, "another type")
}

// TestChanged: pikadump verify tells what has changed at the source, and nothing else.
func TestChanged(t *testing.T) {
	parallel(t)
	eachSource(t, func(t *testing.T, s source) {
		c := client(t, s.addr, 0)
		var possible []alteration
		want := map[string][]string{}
		for _, d := range alterations {
			if !unlike(s, d) {
				possible = append(possible, d)
				want[d.name] = d.want
			}
		}
		fillDamages(t, c, possible)
		m := newModel(seed, 3000, s)
		m.fill(t, client(t, s.addr, 1))
		dir := dump(t, 0, s)
		if s.oneType() { // a page of strings does not list it
			want["string: another type"] = []string{"missing"}
		}
		if list := changing(t, 0, dir, s); len(list) > 0 {
			t.Errorf("nothing has changed, but: %+v", list)
		}
		if list := changing(t, 0, dir, s, "--keys-only"); len(list) > 0 {
			t.Errorf("nothing has changed, but: %+v", list)
		}
		for _, d := range possible {
			if d.do != nil {
				d.do(t, c, d.name)
			}
		}
		checkClasses(t, changing(t, 4, dir, s), want)
		checkClasses(t, changing(t, 4, dir, s, "--rounds", "1", "--threads", "1", "--db", "0"), want)
	})
}
