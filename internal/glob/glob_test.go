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
		{"a\\*", "a*", true}, {"a\\*", "ab", false}, {"[\\]]", "]", true}, {"a**b", "axyb", true},
		{"*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false}, {"\\", "\\", true}, {"[a-]", "-", true}, {"[a-]", "b", false},
	} {
		if p, err := Compile(tc.pattern); err != nil || p.Match([]byte(tc.key)) != tc.want {
			t.Errorf("%q matches %q: not %v (%v)", tc.pattern, tc.key, tc.want, err)
		}
	}
}

func TestPrefix(t *testing.T) {
	for pattern, want := range map[string]string{
		"user:*": "user:", "*": "", "": "", "a\\*b*": "a*b", "a[bc]": "a", "a?": "a", "abc": "abc", "a\\": "a\\",
	} {
		if p, err := Compile(pattern); err != nil || string(p.Prefix()) != want {
			t.Errorf("prefix of %q is not %q (%v)", pattern, want, err)
		}
	}
}

func TestUnclosed(t *testing.T) {
	for _, pattern := range []string{"[", "[abc", "[z-a", "a*[^", `[a\]`, `[a\`, "[a][b", "[]["} {
		if _, err := Compile(pattern); err == nil {
			t.Errorf("%q compiles", pattern)
		}
	}
	for _, pattern := range []string{"[]", "[a-]", "]", `\[abc`, `a\[`, `[a\]]`, "[[]", "[a-z]"} {
		if _, err := Compile(pattern); err != nil {
			t.Errorf("%q: %v", pattern, err)
		}
	}
}
