package main

import (
	"bytes"
	"slices"
)

// reasonPrefix is of keys whose names do not begin with --key-prefix-strip.
const reasonPrefix = "prefix"

// A prefix is what is taken off every name of the dump, and what is then put before it. As names
// without it are left out, no two names become one.
type prefix struct{ strip, add []byte }

func (p prefix) isNone() bool { return len(p.strip) == 0 && len(p.add) == 0 }

// of returns the name on the target; nil if key does not begin with what is to be taken off.
func (p prefix) of(key []byte) []byte { return exchange(key, p.strip, p.add) }

// source returns the name in the dump of a name on the target; nil if no name becomes it.
func (p prefix) source(name []byte) []byte { return exchange(name, p.add, p.strip) }

// exchange puts new in the place of old, with which name must begin. What it returns then is not nil.
func exchange(name, old, new []byte) []byte {
	rest, ok := bytes.CutPrefix(name, old)
	if !ok {
		return nil
	}
	return append(append(make([]byte, 0, len(new)+len(rest)), new...), rest...)
}

// ofAll returns the names on the target of names that all begin with what is to be taken off.
func (p prefix) ofAll(keys [][]byte) [][]byte {
	keys = slices.Clone(keys)
	for i := range keys {
		keys[i] = p.of(keys[i])
	}
	return keys
}
