package progress

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Schema is the version of a Snapshot as JSON (docs/operations/progress.md). It grows when a field
// goes or changes its meaning; new fields may come at any time.
const Schema = 1

// A Snapshot is how a run fares at one moment: plain values that nobody changes any more. Both the
// display (--progress) and the metrics (--metrics-addr) read it from Meter.Snapshot, so that they
// never disagree; what one of them is to show is added here first.
type Snapshot struct {
	Schema  int       `json:"schema"`
	Time    time.Time `json:"time"`
	Phase   string    `json:"phase"`           // of Meter.Begin: dump, load, verify …; empty: none has begun
	Ended   bool      `json:"ended"`           // the phase has; the next may begin
	Elapsed float64   `json:"elapsed_seconds"` // since the phase began
	// Left is the time that the rest of the phase will take at the speed of late; nil: not known.
	Left *float64 `json:"left_seconds"`
	// Estimate says what Share and Left are guessed from; empty: the whole is known.
	Estimate string `json:"estimate,omitempty"`

	Total       Part     `json:"total"`
	Parts       []Part   `json:"parts"`       // by target, database and type, in the order of their begin
	Connections int      `json:"connections"` // that work at once; 0: not said
	Waits       []Wait   `json:"waits"`       // by reason, the longest first
	Chunks      int64    `json:"chunks"`      // files of the dump that are done
	LeftOut     []Tally  `json:"left_out"`    // keys and elements, by reason
	Retries     int64    `json:"retries"`     // of transient errors
	RetriesBy   []Tally  `json:"retries_by"`  // kind: Timeout, Connection, Other
	Servers     []Server `json:"servers"`     // the source first
	Own         Process  `json:"process"`
	Lag         *Lag     `json:"lag,omitempty"`  // of a run that follows; nil: it does not
	Note        string   `json:"note,omitempty"` // what else is worth knowing
}

// A Name says of what a Part is. Of the total all is empty.
type Name struct {
	Target string `json:"target,omitempty"` // address, of a load or verify
	DB     int    `json:"db"`
	Type   string `json:"type,omitempty"`
}

// A Part is how far a part of a run is. Counts begin with what earlier runs have done, where that
// is known, and only grow within a phase, but for what is read again after an error.
type Part struct {
	Name
	Keys     int64 `json:"keys"`
	Elements int64 `json:"elements"` // fields, members, entries; 1 of a string
	Bytes    int64 `json:"bytes"`    // of keys and values, not compressed
	// KeysRate and BytesRate are those of the last seconds, per second.
	KeysRate  float64 `json:"keys_per_second"`
	BytesRate float64 `json:"bytes_per_second"`
	// Work is how much of Whole is done, in a unit that fits the phase: bytes of chunk files, or
	// rows of the source. Whole is -1 where it is not known.
	Work  int64 `json:"work"`
	Whole int64 `json:"whole"`
	// Share of the whole that is done, 0 to 1, and 1 only if all is; nil: not known.
	Share *float64 `json:"share"`
	State string   `json:"state"` // Running, Done, Failed or, of the total, Stopped
}

// States of a part.
const (
	Running = "running"
	Done    = "done"
	Failed  = "failed"
	Stopped = "stopped" // the phase has ended, and not all is done
)

// Reasons why connections wait.
const (
	RateLimit    = "rate limit"    // --rate-keys, --rate-bytes
	LatencyGuard = "latency guard" // --max-latency-factor
	Window       = "window"        // --window
	Chunks       = "next chunk"    // of a dump that is still being made
	Comparing    = "verify"        // of a load into several targets, or of deltas
	Retrying     = "retry"         // before what failed is tried again
)

// A Wait is how long connections have waited for one reason, in this phase.
type Wait struct {
	Reason  string  `json:"reason"`
	Seconds float64 `json:"seconds"` // summed over all connections
	Now     int     `json:"now"`     // connections that wait now
	Share   float64 `json:"share"`   // of the time of all connections, in the last seconds: 0 to 1
	Detail  string  `json:"detail,omitempty"`
}

// A Lag is how far a run that follows a source is behind it.
type Lag struct {
	Seconds float64 `json:"seconds"`      // by the source's clock
	Binlog  *int64  `json:"binlog_bytes"` // that the source has written since; nil: not known
	Names   *int64  `json:"names"`        // that were written since, as far as they are known; nil: they are not
	Deltas  int64   `json:"deltas"`       // that this run has made or loaded
}

// Roles of servers.
const (
	Source = "source"
	Target = "target"
)

// A Server is how a server fares by its own INFO, which is asked every few seconds; of a cluster
// all masters together. What is nil it does not tell.
type Server struct {
	Role    string   `json:"role"`
	Addr    string   `json:"addr"`
	Ops     *float64 `json:"ops_per_second"`
	CPU     *float64 `json:"cpu_cores"` // that are busy with it
	Memory  *int64   `json:"memory_bytes"`
	Disk    *int64   `json:"disk_bytes"`   // of its data
	Stalls  *int64   `json:"write_stalls"` // since the phase began: writes held back or stopped
	Took    *float64 `json:"info_seconds"` // how long it took to answer INFO
	Notes   []string `json:"notes"`        // compactions and the like
	Refused string   `json:"refused"`      // why it is not known; empty: it is
}

// A Process is what this process takes.
type Process struct {
	CPU        float64 `json:"cpu_cores"` // busy in the last seconds
	CPUSeconds float64 `json:"cpu_seconds"`
	Resident   int64   `json:"resident_bytes"`
}

func (s Snapshot) json() string {
	text, err := json.Marshal(s)
	if err != nil { // numbers that JSON does not have
		return fmt.Sprintf(`{"schema":%d,"error":%q}`, Schema, err)
	}
	return string(text)
}

// A Tally is how often something happened.
type Tally struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
}

// tallies returns counts in the order of their names.
func tallies(counts map[string]int64) []Tally {
	all := make([]Tally, 0, len(counts))
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		all = append(all, Tally{name, counts[name]})
	}
	return all
}
