package checkpoint

import "maps"

// Stats counts what the target has acknowledged, and what was left out.
type Stats struct {
	// Keys of which all parts are there, or all but single members that were reported.
	Keys     int64 `json:"keys"`
	Expiring int64 `json:"expiring,omitempty"` // those of them with an expiry
	// Elements are fields, members, elements and entries; a string is one.
	Elements int64 `json:"elements"`
	Commands int64 `json:"commands"` // replies read
	Bytes    int64 `json:"bytes"`    // of keys, fields, values, members and elements
	// Expired are keys whose time was over, or was so before they were complete.
	Expired int64 `json:"expired,omitempty"`
	Short   int64 `json:"short,omitempty"` // keys left out for their short life
	// Dropped are keys of the target deleted because those of the dump count in Expired or Short.
	Dropped int64            `json:"dropped,omitempty"`
	LeftOut map[string]int64 `json:"left_out,omitempty"` // reports by reason
}

// Add adds t to s.
func (s *Stats) Add(t Stats) { s.add(t, 1) }

// Subtract takes t away from s.
func (s *Stats) Subtract(t Stats) { s.add(t, -1) }

func (s *Stats) add(t Stats, sign int64) {
	s.Keys += sign * t.Keys
	s.Expiring += sign * t.Expiring
	s.Elements += sign * t.Elements
	s.Commands += sign * t.Commands
	s.Bytes += sign * t.Bytes
	s.Expired += sign * t.Expired
	s.Short += sign * t.Short
	s.Dropped += sign * t.Dropped
	if len(t.LeftOut) == 0 {
		return
	}
	s.LeftOut = maps.Clone(s.LeftOut) // somebody else may hold it
	if s.LeftOut == nil {
		s.LeftOut = map[string]int64{}
	}
	for reason, n := range t.LeftOut {
		if s.LeftOut[reason] += sign * n; s.LeftOut[reason] == 0 {
			delete(s.LeftOut, reason)
		}
	}
}

// Left returns how many things were left out.
func (s Stats) Left() (n int64) {
	for _, m := range s.LeftOut {
		n += m
	}
	return n
}
