// Command summary shows what go test -json says as go test without flags does, and ends with one
// line that names what was not tested because a server, a tool or a permission is missing:
//
//	go test -json ./... | go run ./internal/testing/summary
//
// It ends with 1 if a test failed. It never runs a test itself.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
)

func main() {
	failed, err := summarize(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "summary:", err)
	}
	if failed || err != nil {
		os.Exit(1)
	}
}

// An event is a line of go test -json.
type event struct{ Action, Package, Test, Output string }

func (e event) name() string { return e.Package + " " + e.Test }

// summarize shows the events, and reports whether a package failed.
func summarize(in io.Reader, out io.Writer) (failed bool, err error) {
	said := map[string]string{} // by tests that have not ended
	skipped := map[string]int{} // tests, by what there was not
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Fprintln(out, lines.Text())
			continue
		}
		switch {
		case e.Action == "build-output", e.Action == "output" && e.Test == "" && e.Output != "PASS\n":
			fmt.Fprint(out, e.Output)
		case e.Action == "output":
			said[e.name()] += e.Output
		case e.Action == "fail" && e.Test == "":
			failed = true
			for _, name := range slices.Sorted(maps.Keys(said)) { // of a panic, or a timeout
				if strings.HasPrefix(name, e.Package+" ") {
					fmt.Fprint(out, said[name])
				}
			}
		case e.Action == "fail":
			fmt.Fprint(out, said[e.name()])
			delete(said, e.name())
		case e.Action == "skip" && e.Test != "":
			if what := missing.FindStringSubmatch(said[e.name()]); what != nil {
				skipped[what[1]]++
			}
			delete(said, e.name())
		case e.Action == "pass":
			delete(said, e.name())
		}
	}
	if len(skipped) > 0 {
		var list []string
		for _, what := range slices.Sorted(maps.Keys(skipped)) {
			list = append(list, fmt.Sprintf("%s (%d)", what, skipped[what]))
		}
		fmt.Fprintln(out, "NOT TESTED, with the number of tests: "+strings.Join(list, ", "))
	}
	return failed, lines.Err()
}

// missing finds in what a skipped test said the words in capitals with which it begins: NO REAL
// PIKA.
var missing = regexp.MustCompile(`\.go:\d+: ((?:NO|NOT) [^:,\n]+)`)
