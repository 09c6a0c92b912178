package journal

import "time"

// An After is the load that the load of a delta follows.
type After struct {
	Dump   string `json:"dump"`           // of the base, or of the delta before
	Number int    `json:"number"`         // of the delta
	Root   string `json:"root,omitempty"` // where its state is; empty: the user has said that it is loaded
	Base   string `json:"base,omitempty"` // where the base lies; empty: not known
	// Loaded is when the load of the base began: a base that was loaded anew has none of the deltas
	// that were loaded before. Zero: not known.
	Loaded time.Time `json:"loaded,omitzero"`
	// Started is when the dump of the base began, by the clock of its source: of --ttl shift.
	Started time.Time `json:"started,omitzero"`
	// Left is how much the loads of the deltas before have left out: keys and members.
	Left int64 `json:"left,omitempty"`
}

// A Next is the delta that was loaded behind a load, as far as that one knows: it was about to be.
type Next struct {
	Dump   string `json:"dump"`
	Number int    `json:"number"`
	Root   string `json:"root"`  // where its state is
	Place  string `json:"place"` // where the delta lies
}
