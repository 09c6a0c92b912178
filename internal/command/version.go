package command

import (
	"runtime/debug"
	"strings"
)

// Version is the version of the tools, as Go stamped it: the tag, or between two tags a
// pseudo-version, which names the commit; "devel" where neither is known. Built is Version with
// commit and date where the build knew them: `make build` in a clone does, and for
// `go install PACKAGE@VERSION` the version says as much.
var Version, Built = stamped(debug.ReadBuildInfo())

func stamped(info *debug.BuildInfo, ok bool) (version, built string) {
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel", "devel"
	}
	version = strings.TrimPrefix(info.Main.Version, "v")
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if settings["vcs.revision"] == "" {
		return version, version
	}
	return version, version + " (commit " + settings["vcs.revision"] + ", " + settings["vcs.time"] + ")"
}
