// Package binaries builds both tools for tests that run them.
package binaries

import (
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
)

// Build builds both tools into a directory, for the tests of a package beside this one. It looks at
// the directories of what they are built from: go test would take old results for new ones if it
// did not see that a test does.
func Build(dir string) error {
	for _, from := range []string{"cmd", "reader", "writer", "format", "internal"} {
		look := func(_ string, _ fs.DirEntry, err error) error { return err }
		if err := filepath.WalkDir(filepath.Join("..", "..", "..", from), look); err != nil {
			return err
		}
	}
	const commands = "github.com/pika2kvrocks/pika2kvrocks/cmd/"
	if out, err := exec.Command("go", "build", "-o", dir, commands+"pikadump", commands+"kvload").CombinedOutput(); err != nil {
		return fmt.Errorf("build the tools: %w\n%s", err, out)
	}
	return nil
}
