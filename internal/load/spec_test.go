package load

import (
	"encoding/json"
	"testing"
	"time"
)

// TestAsText: what a journal holds of a prefix is read back as it was, and no other prefix is like
// it.
func TestAsText(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range []string{"a\xff", "a\xfe", "a\ufffd", `"a\xff"`, `"\"a\\xff\""`, "a", "\u2028é"} {
		data, err := json.Marshal(asText([]byte(p)))
		if err != nil {
			t.Fatal(err)
		}
		var back string
		if err := json.Unmarshal(data, &back); err != nil || back != asText([]byte(p)) {
			t.Errorf("%q is read back as %q (%v)", asText([]byte(p)), back, err)
		}
		if seen[back] {
			t.Errorf("%q is like another", p)
		}
		seen[back] = true
	}
}

// TestSpent: of a load that was resumed both are said, the time of this run and that of all.
func TestSpent(t *testing.T) {
	for took, want := range map[spent]string{
		{run: time.Millisecond}:                        "1s",
		{run: 90 * time.Second}:                        "1m30s",
		{run: 90 * time.Second, all: 26 * time.Hour}:   "1m30s by this run, 26h0m0s since the first began",
		{run: time.Millisecond, all: time.Millisecond}: "1s by this run, 1s since the first began",
	} {
		if got := took.String(); got != want {
			t.Errorf("%+v: %q, want %q", took, got, want)
		}
	}
}
