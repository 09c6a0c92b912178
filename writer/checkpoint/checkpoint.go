// Package checkpoint says how far a load is. It consists of plain types, for the writer that makes
// checkpoints and for the journal that keeps them: their JSON is that of the journal.
//
// Begin with Checkpoint, which writer.Job.Reached is told and writer.Job.From takes back, and
// Checkpoint.Beginning. The package never writes anything itself.
package checkpoint

import "maps"

// A Checkpoint is how far the records of one Source are on the target: every reply that has to do
// with those before it was read, and was good or has been reported.
type Checkpoint struct {
	// Record is how many records lie before the checkpoint.
	Record int64 `json:"record"`
	// Open is the key whose records go on behind it; nil when none does.
	Open *OpenKey `json:"open,omitempty"`
	// Stats is what was done up to the checkpoint, of this Source only.
	Stats Stats `json:"stats"`
}

// An OpenKey is a key in whose middle a checkpoint lies.
type OpenKey struct {
	First int64 `json:"first"`         // the number of its first record; the Source's first has 0
	Taken int64 `json:"taken"`         // its elements that the target has acknowledged
	Bytes int64 `json:"bytes"`         // what those count in Stats
	Out   bool  `json:"out,omitempty"` // nothing more of it is sent: it expired, or was left out
}

// Beginning returns the checkpoint before the key that is open at c, or c when none is.
func (c Checkpoint) Beginning() Checkpoint {
	if c.Open == nil {
		return c
	}
	b := Checkpoint{Record: c.Open.First, Stats: c.Stats}
	b.Stats.Elements -= c.Open.Taken
	b.Stats.Bytes -= c.Open.Bytes
	return b
}

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
