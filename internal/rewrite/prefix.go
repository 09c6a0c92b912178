package rewrite

import "bytes"

// A Prefix is what is taken off every name of the dump, and what is then put before it. As names
// without it are left out, no two names become one.
type Prefix struct{ Strip, Add []byte }

// IsNone reports whether it changes no name.
func (p Prefix) IsNone() bool { return len(p.Strip) == 0 && len(p.Add) == 0 }

// Apply returns the name on the target; nil if key does not begin with what is to be taken off.
func (p Prefix) Apply(key []byte) []byte { return exchange(key, p.Strip, p.Add) }

// Source returns the name in the dump of a name on the target; nil if no name becomes it.
func (p Prefix) Source(name []byte) []byte { return exchange(name, p.Add, p.Strip) }

// exchange puts new in the place of old, with which name must begin. What it returns then is not
// nil.
func exchange(name, old, new []byte) []byte {
	rest, ok := bytes.CutPrefix(name, old)
	if !ok {
		return nil
	}
	return append(append(make([]byte, 0, len(new)+len(rest)), new...), rest...)
}
