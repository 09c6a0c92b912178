package main

import (
	"strings"
	"testing"
)

const events = `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA/to_kvrocks","Output":"    target_test.go:39: NO REAL KVROCKS: set KVROCKS_ADDR\n"}
{"Action":"skip","Package":"p","Test":"TestA/to_kvrocks"}
{"Action":"output","Package":"p","Test":"TestB","Output":"    target_test.go:39: NO REAL KVROCKS: set KVROCKS_ADDR\n"}
{"Action":"skip","Package":"p","Test":"TestB"}
{"Action":"output","Package":"p","Test":"TestC","Output":"    c_test.go:1: NO small disk, a full disk is not tested\n"}
{"Action":"skip","Package":"p","Test":"TestC"}
{"Action":"output","Package":"p","Test":"TestD","Output":"    d_test.go:1: a name has one type here\n"}
{"Action":"skip","Package":"p","Test":"TestD"}
{"Action":"output","Package":"p","Test":"TestA","Output":"--- PASS: TestA (0.00s)\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"PASS\n"}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}
{"Action":"pass","Package":"p"}
`

const bad = `{"Action":"output","Package":"q","Test":"TestA","Output":"    a_test.go:1: wrong\n"}
{"Action":"fail","Package":"q","Test":"TestA"}
{"Action":"output","Package":"q","Test":"TestB","Output":"panic: gone\n"}
{"Action":"output","Package":"q","Output":"FAIL\tq\t0.1s\n"}
{"Action":"fail","Package":"q"}
`

// TestSummarize: what passes is one line, what failed is shown, what could not be tested is the
// last line.
func TestSummarize(t *testing.T) {
	const line = "NOT TESTED, with the number of tests: NO REAL KVROCKS (2), NO small disk (1)\n"
	for _, tc := range []struct {
		in, want string
		failed   bool
	}{
		{events, "ok  \tp\t0.1s\n" + line, false},
		{bad, "    a_test.go:1: wrong\nFAIL\tq\t0.1s\npanic: gone\n", true},
		{events + bad, "ok  \tp\t0.1s\n    a_test.go:1: wrong\nFAIL\tq\t0.1s\npanic: gone\n" + line, true},
		{"go: no such module\n", "go: no such module\n", false},
	} {
		var out strings.Builder
		failed, err := summarize(strings.NewReader(tc.in), &out)
		if failed != tc.failed || err != nil || out.String() != tc.want {
			t.Errorf("failed %v, %v:\n%s\nwant\n%s", failed, err, out.String(), tc.want)
		}
	}
}
