// Package sample chooses a share of the keys by their names alone: the same ones in every run,
// of every type, for dump and verify alike (docs/FORMAT.md §6.2). It never draws.
package sample

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// A Sample is a share of the keys. Nil is all of them.
type Sample struct{ share float64 }

// Parse reads a share, as "1%" or "0.01". All of the keys is nil.
func Parse(s string) (*Sample, error) {
	text, percent := strings.CutSuffix(s, "%")
	share, err := strconv.ParseFloat(text, 64)
	if percent {
		share /= 100
	}
	if err != nil || !(share > 0 && share <= 1) {
		return nil, fmt.Errorf("%q is not a share of the keys, such as 1%% or 0.01", s)
	}
	if share == 1 {
		return nil, nil
	}
	return &Sample{share}, nil
}

// Of returns the sample that a Share is of.
func Of(share float64) *Sample {
	if share == 0 {
		return nil
	}
	return &Sample{share}
}

// Share returns the share; 0 for all of the keys.
func (s *Sample) Share() float64 {
	if s == nil {
		return 0
	}
	return s.share
}

// Holds reports whether the sample has the key.
func (s *Sample) Holds(key []byte) bool {
	if s == nil {
		return true
	}
	const bits = 53 // as many as a float64 holds exactly
	sum := sha256.Sum256(key)
	return float64(binary.BigEndian.Uint64(sum[:])>>(64-bits)) < s.share*(1<<bits)
}
