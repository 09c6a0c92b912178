// Package glob matches keys against patterns as the MATCH of Redis does: * ? [a-z] [^a]
// and \ to take the next byte as it is. It works on bytes.
package glob

import (
	"bytes"
	"errors"
)

// A Pattern is a compiled pattern.
type Pattern struct{ p []byte }

// errUnclosed: Redis and Pika take such a class to the end of the pattern, which is hardly meant.
var errUnclosed = errors.New(`a class that begins with [ is not closed: add ], or write \[ for the byte itself`)

// Compile returns the pattern.
func Compile(pattern string) (*Pattern, error) {
	p := []byte(pattern)
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '\\':
			i++
		case '[':
			n, _, closed := class(p[i:], 0)
			if !closed {
				return nil, errUnclosed
			}
			i += n - 1
		}
	}
	return &Pattern{p}, nil
}

// Prefix returns the bytes that every matching key begins with.
func (g *Pattern) Prefix() []byte {
	var out []byte
	for i := 0; i < len(g.p); i++ {
		switch c := g.p[i]; c {
		case '*', '?', '[':
			return out
		case '\\':
			if i+1 < len(g.p) {
				i++
			}
			out = append(out, g.p[i])
		default:
			out = append(out, c)
		}
	}
	return out
}

// Contains reports whether it is certain that a pattern matches all keys that another one does: if
// it is the beginning of names and a star.
func Contains(pattern, other string) bool {
	all, err := Compile(pattern)
	part, err2 := Compile(other)
	if err != nil || err2 != nil {
		return false
	}
	begin := all.Prefix()
	return pattern == literal(begin)+"*" && bytes.HasPrefix(part.Prefix(), begin)
}

// literal returns the pattern that matches one text.
func literal(text []byte) string {
	var p []byte
	for _, c := range text {
		if bytes.IndexByte([]byte(`*?[\`), c) >= 0 {
			p = append(p, '\\')
		}
		p = append(p, c)
	}
	return string(p)
}

// Match reports whether the whole of key matches. Its time is bounded by the product of
// both lengths.
func (g *Pattern) Match(key []byte) bool {
	p := g.p
	var back []byte // pattern behind the last star
	var from []byte // key where that star's match would grow
	starred := false
	for {
		if len(p) > 0 && p[0] == '*' {
			back, from, starred = p[1:], key, true
			p = back
			continue
		}
		if len(key) == 0 && len(p) == 0 {
			return true
		}
		if len(key) > 0 {
			if n, ok := one(p, key[0]); ok {
				p, key = p[n:], key[1:]
				continue
			}
		}
		if !starred || len(from) == 0 {
			return false
		}
		from = from[1:]
		p, key = back, from
	}
}

// one matches a single byte against the head of p and returns how long that head is.
func one(p []byte, c byte) (int, bool) {
	if len(p) == 0 {
		return 0, false
	}
	switch p[0] {
	case '?':
		return 1, true
	case '[':
		n, in, _ := class(p, c)
		return n, in
	case '\\':
		if len(p) > 1 {
			return 2, p[1] == c
		}
	}
	return 1, p[0] == c
}

// class matches c against the class that p begins with, of n bytes.
func class(p []byte, c byte) (n int, in, closed bool) {
	i, not := 1, false
	if i < len(p) && p[i] == '^' {
		not = true
		i++
	}
	for ; i < len(p) && p[i] != ']'; i++ {
		if p[i] == '\\' && i+1 < len(p) {
			i++
		}
		lo, hi := p[i], p[i]
		if i+2 < len(p) && p[i+1] == '-' && p[i+2] != ']' {
			hi = p[i+2]
			i += 2
		}
		if lo > hi {
			lo, hi = hi, lo
		}
		in = in || lo <= c && c <= hi
	}
	return min(i+1, len(p)), in != not, i < len(p)
}
