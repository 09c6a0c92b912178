package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
)

// TestInspectTrial: what is no dump of everything says so.
func TestInspectTrial(t *testing.T) {
	dir := makeDump(t, []format.Record{text("a", "1")})
	whole := runCommand("inspect", dir)
	if whole.code != 0 || strings.Contains(whole.stdout, "only") {
		t.Errorf("of all keys: exit code %d, %s%s", whole.code, whole.stdout, whole.stderr)
	}
	edit(t, dir, format.ManifestName, resealed(`"scan": `, `"sample": 0.015, "limit_keys": 20000, "scan": `))
	trial := runCommand("inspect", dir)
	for _, says := range []string{"only a sample of 1.5 % of the keys\n", "only the first 20,000 keys of each database and type\n"} {
		if trial.code != 0 || !strings.Contains(trial.stdout, says) {
			t.Errorf("it does not say %q: exit code %d, %s%s", says, trial.code, trial.stdout, trial.stderr)
		}
	}
}

// TestInspectUndo: what load --undo saved is of a target, and says of which.
func TestInspectUndo(t *testing.T) {
	for server, want := range map[string]string{"pika": "source: Pika 1.2", "kvrocks": "source: Kvrocks 1.2", "redis": "source: Redis 1.2"} {
		var out bytes.Buffer
		m := &format.Manifest{}
		m.Source.Server, m.Source.Version = server, "1.2"
		if report.Dump(&out, m, 0); !strings.Contains(out.String(), want) {
			t.Errorf("of %s it does not say %q: %s", server, want, out.String())
		}
	}
}

// TestInspectSkipped: it says what the reasons of skipped keys mean.
func TestInspectSkipped(t *testing.T) {
	var out bytes.Buffer
	report.Dump(&out, &format.Manifest{Skipped: []format.Reason{{Reason: "gone", Keys: 12345}, {Reason: "of a newer pikadump", Keys: 1}}}, 0)
	for _, says := range []string{"skipped, gone: 12,345 (not there any more when it was read", "skipped, of a newer pikadump: 1\n"} {
		if !strings.Contains(out.String(), says) {
			t.Errorf("it does not say %q: %s", says, out.String())
		}
	}
}
