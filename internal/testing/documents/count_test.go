package documents

import (
	"regexp"
	"slices"
	"testing"
)

// counted is a number before what it counts: without separators, or wrong for one.
var counted = regexp.MustCompile(`%[ds] (keys|elements|members|names|chunks|files|lines|entries|databases|connections|commands|conflicts|hyperloglogs|streams|warnings|checks)\b|\w\(s\)`)

// fine are texts whose number is a limit, or no number.
var fine = []string{
	"more than %d files: %w",
}

// TestCountsAgree: what counts is written by progress.Plural. The reader and the writer, which
// cannot use it, are left out.
func TestCountsAgree(t *testing.T) {
	for format, at := range read(t).formats {
		if m := counted.FindString(format); m != "" && !slices.Contains(fine, format) {
			t.Errorf("%s: %q has %q: use progress.Plural", at, format, m)
		}
	}
}
