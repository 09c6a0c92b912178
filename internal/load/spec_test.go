package load

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/filter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
)

// TestWarnLacks: a manifest does not say of which databases the keys are that it counts.
func TestWarnLacks(t *testing.T) {
	a, err := archive.Open(t.Context(), smalldump.Make(t, smalldump.Options{}, []format.Record{smalldump.String("a", "1")}), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	a.Manifest.Skipped = []format.Reason{{Reason: "gone", Keys: 1090}}
	for what, f := range map[string]filter.Filter{"what is loaded": {}, "the dump, of which a part is loaded,": {DBs: []int{0}}} {
		var log bytes.Buffer
		s := Spec{Filter: f, Summary: summary.New("", "", "load")}
		s.WarnLacks(a, "loaded", &log)
		says := what + " lacks 1,090 keys of the source, or a part or the expiry of each (1,090 gone): see "
		if !strings.HasPrefix(log.String(), "warning: "+says) || len(s.Summary.Notes) != 1 || !strings.HasPrefix(s.Summary.Notes[0], says) {
			t.Errorf("%s %q", log.String(), s.Summary.Notes)
		}
	}
}

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
