package command

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/urfave/cli/v2"
)

// A Build is what Go stamped into a binary.
type Build struct {
	// Version is the tag, or between two tags a pseudo-version, which names the commit; devel where
	// neither is known.
	Version string `json:"version"`
	// Commit and Date are known to a build in a clone. For go install PACKAGE@VERSION the version
	// says as much.
	Commit   string `json:"commit"`
	Date     string `json:"date"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

var built = stamped(debug.ReadBuildInfo())

// Version is that of the tools.
var Version = built.Version

func stamped(info *debug.BuildInfo, ok bool) Build {
	b := Build{Version: "devel", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return b
	}
	b.Version = strings.TrimPrefix(info.Main.Version, "v")
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Date = s.Value
		}
	}
	return b
}

func (b Build) String() string {
	if b.Commit == "" {
		return b.Version
	}
	return fmt.Sprintf("%s (commit %s, %s)", b.Version, b.Commit, b.Date)
}

// versionCommand is what both tools have.
func versionCommand(tool string) *cli.Command {
	return &cli.Command{
		Name: "version", Usage: "print the version", UsageText: tool + " version [--json]",
		Description: "Prints version, commit and date of the build; --json adds Go's version and\nthe platform.\n\n" +
			"EXAMPLES:\n   " + tool + " version\n   " + tool + " version --json\n",
		Flags: []cli.Flag{Bool("json", Output, "print JSON")},
		Action: func(c *cli.Context) error {
			v := &Values{Context: c}
			if v.NoArguments("version takes only --json"); v.err != nil {
				return v.err
			}
			if c.Bool("json") {
				return json.NewEncoder(c.App.Writer).Encode(built)
			}
			cli.ShowVersion(c)
			return nil
		},
	}
}
