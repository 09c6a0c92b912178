package glob

import "testing"

func TestMatch(t *testing.T) {
	for _, tc := range []struct {
		pattern, key string
		want         bool
	}{
		{"*", "", true}, {"*", "a\x00\r\n\xff", true}, {"", "", true}, {"", "a", false},
		{"a*", "abc", true}, {"a*", "ba", false}, {"*c", "abc", true}, {"*b*", "abc", true}, {"*x*", "abc", false},
		{"a?c", "abc", true}, {"a?c", "ac", false}, {"a[b-d]e", "ace", true}, {"a[^b-d]e", "ace", false}, {"a[d-b]e", "ace", true},
		{"a\\*", "a*", true}, {"a\\*", "ab", false}, {"[\\]]", "]", true}, {"[ab", "a", true}, {"a**b", "axyb", true},
		{"*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false}, {"\\", "\\", true}, {"[a-]", "-", true}, {"[a-]", "b", false},
	} {
		if got := Compile(tc.pattern).Match([]byte(tc.key)); got != tc.want {
			t.Errorf("%q matches %q: %v", tc.pattern, tc.key, got)
		}
	}
}

func TestPrefix(t *testing.T) {
	for pattern, want := range map[string]string{
		"user:*": "user:", "*": "", "": "", "a\\*b*": "a*b", "a[bc]": "a", "a?": "a", "abc": "abc", "a\\": "a\\",
	} {
		if got := string(Compile(pattern).Prefix()); got != want {
			t.Errorf("prefix of %q: %q, want %q", pattern, got, want)
		}
	}
}
