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
func (s *Stats) Add(t Stats) {
	s.Keys += t.Keys
	s.Expiring += t.Expiring
	s.Elements += t.Elements
	s.Commands += t.Commands
	s.Bytes += t.Bytes
	s.Expired += t.Expired
	s.Short += t.Short
	s.Dropped += t.Dropped
	if len(t.LeftOut) == 0 {
		return
	}
	s.LeftOut = maps.Clone(s.LeftOut) // somebody else may hold it
	if s.LeftOut == nil {
		s.LeftOut = map[string]int64{}
	}
	for reason, n := range t.LeftOut {
		s.LeftOut[reason] += n
	}
}

// Left returns how many things were left out.
func (s Stats) Left() (n int64) {
	for _, m := range s.LeftOut {
		n += m
	}
	return n
}
