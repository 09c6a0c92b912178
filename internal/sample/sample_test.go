package sample

import (
	"fmt"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, bad := range []string{"", "0", "0%", "-1%", "101%", "1.5", "x", "%", "NaN", "1 %"} {
		if s, err := Parse(bad); err == nil {
			t.Errorf("%q is taken for %+v", bad, s)
		}
	}
	if s, err := Parse("100%"); s != nil || err != nil {
		t.Errorf("100%%: %+v, %v", s, err)
	}
	for _, text := range []string{"1%", "0.01"} {
		s, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for i := range 100_000 {
			if s.Holds(fmt.Appendf(nil, "user:%08d", i)) {
				n++
			}
		}
		if n < 900 || n > 1100 {
			t.Errorf("%s of 100,000 keys are %d", text, n)
		}
	}
}

// TestSampleIsFixed: the keys of a sample never change, for a dump may be resumed by a
// newer version.
func TestSampleIsFixed(t *testing.T) {
	twentieth, err := Parse("5%")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range 100 {
		if key := fmt.Sprintf("key:%d", i); twentieth.Holds([]byte(key)) {
			got = append(got, key)
		}
	}
	if want := "key:28 key:56 key:70 key:90"; strings.Join(got, " ") != want {
		t.Errorf("%q, want %q", strings.Join(got, " "), want)
	}
}
