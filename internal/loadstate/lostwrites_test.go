package loadstate

import (
	"strings"
	"testing"
)

// TestServe: what takes the place of a master of a cluster has all that this had acknowledged, or
// it is said that it is not known to.
func TestServe(t *testing.T) {
	const none = "0000000000000000000000000000000000000000"
	redis := "r1 s1 100 " + none + " -1"
	for name, tc := range map[string]struct {
		was, now map[string]string
		alone    string // what the master says that is known
		why      string // empty: nothing is lost
	}{
		"first":             {nil, map[string]string{"a": redis, "b": "7"}, "", ""},
		"it goes on":        {map[string]string{"a": redis}, map[string]string{"a": "r1 s1 101 " + none + " -1"}, "", ""},
		"it went back":      {map[string]string{"a": redis}, map[string]string{"a": "r1 s1 99 " + none + " -1"}, "", "was restored"},
		"its first replica": {map[string]string{"a": redis}, map[string]string{"a": "r1 s2 1 " + none + " -1"}, "", ""},
		"restarted":         {map[string]string{"a": redis}, map[string]string{"a": "r2 s2 1 " + none + " -1"}, "", "was restarted"},
		"restarted whole":   {map[string]string{"a": redis}, map[string]string{"a": "r2 s2 105 s1 101"}, "", ""},
		"there and back":    {map[string]string{"a": redis}, map[string]string{"a": "r1 s3 200 s2 150"}, "", "was restarted"},
		"by an old build":   {map[string]string{"a": "r1"}, map[string]string{"a": redis}, "", ""},
		"failover":          {map[string]string{"a": redis}, map[string]string{"b": "r2 s2 300 s1 101"}, "", ""},
		"lagged":            {map[string]string{"a": redis}, map[string]string{"b": "r2 s2 300 s1 100"}, redis, "node b of the target lagged"},
		"twice":             {map[string]string{"a": redis}, map[string]string{"b": "r3 s3 300 s2 200"}, "", "node a of the target serves no longer"},
		"without slots":     {map[string]string{"a": redis}, map[string]string{"b": "r2 s2 1 " + none + " -1"}, redis, ""},
		"Kvrocks":           {map[string]string{"a": "100", "b": "7"}, map[string]string{"b": "8", "c": "100"}, "", ""},
		"Kvrocks lagged":    {map[string]string{"a": "100", "b": "7"}, map[string]string{"b": "200", "c": "99"}, "", "node c of the target lagged"},
		"two, one lagged":   {map[string]string{"a": "100", "b": "1000"}, map[string]string{"c": "1000", "d": "99"}, "", "node d of the target lagged"},
	} {
		t.Run(name, func(t *testing.T) {
			d := &PassingDoubts{runs: tc.was}
			if err := serve(d, tc.now, func(string) string { return tc.alone }); err != nil || (d.Why != "") != (tc.why != "") || !strings.Contains(d.Why, tc.why) {
				t.Errorf("%v, %q, want %q", err, d.Why, tc.why)
			}
			for addr, state := range tc.now {
				if is := d.Runs()[addr]; is != state && tc.was[addr] != is {
					t.Errorf("%s is known as %q", addr, is)
				}
			}
		})
	}
}
