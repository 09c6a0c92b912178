package journal

import "time"

// What a journal notes of runs and of the server, so that a later run knows what may have been lost
// or run late.

// Unsure returns why it is not known whether the target holds what was loaded; empty: it is.
func (j *Journal) Unsure() string { return j.unsure }

// BeUnsure notes that, for good.
func (j *Journal) BeUnsure(why string) error { return j.note(line{Unsure: why}) }

// Run returns the run of a server that was loaded last; empty: none is known.
func (j *Journal) Run(address string) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.runs[address]
}

// SetRun notes it, for good.
func (j *Journal) SetRun(address, id string) error {
	return j.note(line{Run: &serverRun{address, id}})
}

// IsIdle reports whether the last run has ended by itself, with nothing under way. One that was
// killed has not.
func (j *Journal) IsIdle() bool { return j.idle }

// SetIdle notes that, or that a run goes on, for good.
func (j *Journal) SetIdle(idle bool) error {
	if idle {
		return j.note(line{Idle: time.Now().UTC()})
	}
	return j.note(line{Running: time.Now().UTC()})
}
