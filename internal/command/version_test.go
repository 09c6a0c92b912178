package command

import (
	"runtime/debug"
	"testing"
)

func TestVersion(t *testing.T) {
	vcs := []debug.BuildSetting{{Key: "-trimpath", Value: "true"}, {Key: "vcs.revision", Value: "f91519b6"}, {Key: "vcs.time", Value: "2026-11-28T16:09:13Z"}}
	for _, tc := range []struct {
		name, main     string
		settings       []debug.BuildSetting
		version, built string
	}{
		{"of a tag, in a clone", "v1.2.3", vcs, "1.2.3", "1.2.3 (commit f91519b6, 2026-11-28T16:09:13Z)"},
		{"changed since", "v1.2.4-0.20261128160913-f91519b6d195+dirty", vcs, "1.2.4-0.20261128160913-f91519b6d195+dirty",
			"1.2.4-0.20261128160913-f91519b6d195+dirty (commit f91519b6, 2026-11-28T16:09:13Z)"},
		{"go install", "v1.2.3", nil, "1.2.3", "1.2.3"},
		{"no clone", "(devel)", nil, "devel", "devel"},
		{"a test", "", nil, "devel", "devel"},
	} {
		version, built := stamped(&debug.BuildInfo{Main: debug.Module{Version: tc.main}, Settings: tc.settings}, true)
		if version != tc.version || built != tc.built {
			t.Errorf("%s: %q, %q", tc.name, version, built)
		}
	}
	if version, built := stamped(nil, false); version != "devel" || built != "devel" {
		t.Errorf("nothing known: %q, %q", version, built)
	}
}
