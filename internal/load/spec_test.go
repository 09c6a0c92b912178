package load

import (
	"encoding/json"
	"testing"
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
