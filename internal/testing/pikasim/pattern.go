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

// class tests a byte against the class p starts in, and gives what follows it. As in stringmatchlen
// of Pika, bytes of a range compare signed, a backslash takes the next byte as it is but never
// begins a range, and ] closes the class wherever it stands but as the end of a range.
func class(p string, b byte) (in bool, rest string) {
	not := strings.HasPrefix(p, "^")
	if not {
		p = p[1:]
	}
	for len(p) > 0 && p[0] != ']' {
		n := 1
		switch {
		case p[0] == '\\' && len(p) > 1:
			in, n = in || p[1] == b, 2
		case len(p) >= 3 && p[1] == '-':
			lo, hi := int8(p[0]), int8(p[2])
			in, n = in || min(lo, hi) <= int8(b) && int8(b) <= max(lo, hi), 3
		default:
			in = in || p[0] == b
		}
		p = p[n:]
	}
	return in != not, strings.TrimPrefix(p, "]")
}

// tailPrefix is where a scan for `literal*` begins; empty for other patterns. Pika takes what
// stands before the * for that prefix as it is, backslashes included, though it matches by the
// pattern (isTailWildcard in util.cc, the same in 3.4.0, 3.5.5 and 4.0.1).
func tailPrefix(pattern string) string {
	head, ok := strings.CutSuffix(pattern, "*")
	if !ok || head == "" || strings.ContainsAny(head, `*?[]`) {
		return ""
	}
	return head
}
