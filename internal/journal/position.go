package journal

import "maps"

// A Position is how far a unit is: every reply that has to do with the records before it was good.
type Position struct {
	Record int64    `json:"record"`          // records of the unit before it
	Chunk  string   `json:"chunk,omitempty"` // the chunk in which it lies
	In     int64    `json:"in,omitempty"`    // records of that chunk before it
	Open   *OpenKey `json:"open,omitempty"`  // the key in whose middle it lies
	Stats  Stats    `json:"stats"`
}

// An OpenKey is a key that goes on behind a Position.
type OpenKey struct {
	First int64 `json:"first"` // the record of the unit with which it begins
	Taken int64 `json:"taken"` // its elements on the target
	Bytes int64 `json:"bytes"`
	Out   bool  `json:"out,omitempty"` // nothing more of it is to be sent
}

// Stats counts what the target has acknowledged.
type Stats struct {
	Keys     int64            `json:"keys"`
	Expiring int64            `json:"expiring,omitempty"` // of Keys
	Elements int64            `json:"elements"`
	Commands int64            `json:"commands"`
	Bytes    int64            `json:"bytes"`
	Expired  int64            `json:"expired,omitempty"`
	Short    int64            `json:"short,omitempty"`   // left out for their short life
	Dropped  int64            `json:"dropped,omitempty"` // deleted, for those of the dump had expired or were short
	LeftOut  map[string]int64 `json:"left_out,omitempty"`
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
	s.LeftOut = maps.Clone(s.LeftOut)
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
