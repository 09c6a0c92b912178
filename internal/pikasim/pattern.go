package pikasim

import "strings"

// matches is the glob of MATCH and KEYS over bytes: * ? [a-z] [^a-z] and \.
func matches(pattern, s string) bool {
	for len(pattern) > 0 {
		switch pattern[0] {
		case '*':
			rest := strings.TrimLeft(pattern, "*")
			if rest == "" {
				return true
			}
			for i := 0; i <= len(s); i++ {
				if matches(rest, s[i:]) {
					return true
				}
			}
			return false
		case '?':
			if s == "" {
				return false
			}
			pattern, s = pattern[1:], s[1:]
		case '[':
			if s == "" {
				return false
			}
			in, rest := class(pattern[1:], s[0])
			if !in {
				return false
			}
			pattern, s = rest, s[1:]
		default:
			if pattern[0] == '\\' && len(pattern) > 1 {
				pattern = pattern[1:]
			}
			if s == "" || s[0] != pattern[0] {
				return false
			}
			pattern, s = pattern[1:], s[1:]
		}
	}
	return s == ""
}

// class tests a byte against the class p starts in, and gives what follows it.
func class(p string, b byte) (in bool, rest string) {
	not := strings.HasPrefix(p, "^")
	if not {
		p = p[1:]
	}
	for len(p) > 0 && p[0] != ']' {
		lo, n := p[0], 1
		if lo == '\\' && len(p) > 1 {
			lo, n = p[1], 2
		}
		hi := lo
		if len(p) > n+1 && p[n] == '-' && p[n+1] != ']' {
			hi, n = p[n+1], n+2
		}
		if lo > hi {
			lo, hi = hi, lo
		}
		in = in || lo <= b && b <= hi
		p = p[n:]
	}
	return in != not, strings.TrimPrefix(p, "]")
}

// tailPrefix is what all matches of `literal*` begin with, and whether the
// pattern is one; only for such does a scan seek.
func tailPrefix(pattern string) (string, bool) {
	head, ok := strings.CutSuffix(pattern, "*")
	if !ok || strings.ContainsAny(head, `*?[]\`) {
		return "", false
	}
	return head, true
}
