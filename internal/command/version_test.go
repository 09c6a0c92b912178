package command

import (
	"encoding/json"
	"runtime"
	"runtime/debug"
	"testing"
)

func TestVersion(t *testing.T) {
	vcs := []debug.BuildSetting{{Key: "-trimpath", Value: "true"}, {Key: "vcs.revision", Value: "f91519b6"}, {Key: "vcs.time", Value: "2026-11-28T16:09:13Z"}}
	for _, tc := range []struct {
		name, main    string
		settings      []debug.BuildSetting
		version, says string
	}{
		{"of a tag, in a clone", "v1.2.3", vcs, "1.2.3", "1.2.3 (commit f91519b6, 2026-11-28T16:09:13Z)"},
		{"changed since", "v1.2.4-0.20261128160913-f91519b6d195+dirty", vcs, "1.2.4-0.20261128160913-f91519b6d195+dirty",
			"1.2.4-0.20261128160913-f91519b6d195+dirty (commit f91519b6, 2026-11-28T16:09:13Z)"},
		{"go install", "v1.2.3", nil, "1.2.3", "1.2.3"},
		{"no clone", "(devel)", nil, "devel", "devel"},
		{"a test", "", nil, "devel", "devel"},
	} {
		b := stamped(&debug.BuildInfo{Main: debug.Module{Version: tc.main}, Settings: tc.settings}, true)
		if b.Version != tc.version || b.String() != tc.says {
			t.Errorf("%s: %q, %q", tc.name, b.Version, b)
		}
	}
	if b := stamped(nil, false); b.Version != "devel" || b.String() != "devel" {
		t.Errorf("nothing known: %+v", b)
	}
}

// TestVersionJSON: a machine reads version --json; version and --version say the same.
func TestVersionJSON(t *testing.T) {
	code, stdout, stderr := runApp(nil, "version", "--json")
	var got map[string]string
	if err := json.Unmarshal([]byte(stdout), &got); code != 0 || stderr != "" || err != nil {
		t.Fatalf("exit code %d, %q, %q: %v", code, stdout, stderr, err)
	}
	for key, want := range map[string]string{"version": Version, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH} {
		if got[key] != want {
			t.Errorf("%s is %q, not %q", key, got[key], want)
		}
	}
	if _, has := got["commit"]; !has || len(got) != 5 {
		t.Errorf("%s", stdout)
	}
	for _, args := range [][]string{{"version"}, {"--version"}} {
		if code, stdout, _ := runApp(nil, args...); code != 0 || stdout != "tool version "+built.String()+"\n" {
			t.Errorf("%v: %d, %q", args, code, stdout)
		}
	}
	if code, _, stderr := runApp(nil, "version", "1"); code != 2 {
		t.Errorf("version of something: %d, %q", code, stderr)
	}
}
