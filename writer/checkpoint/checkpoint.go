// Package checkpoint says how far a load is. It consists of plain types, for the writer that makes
// checkpoints and for the journal that keeps them: their JSON is that of the journal.
//
// Begin with Checkpoint, which writer.Job.Reached is told and writer.Job.From takes back, and
// Checkpoint.Beginning. The package never writes anything itself.
package checkpoint

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
