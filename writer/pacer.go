package writer

import (
	"context"
	"time"
)

// A Pacer slows a load down. It is called by every worker: it must be safe for concurrent use.
type Pacer interface {
	// Rest is told of a pipeline whose replies were read, and returns when the next of this worker
	// may go. An error ends the load.
	Rest(ctx context.Context, p Pipeline) error
}

// A Pipeline is what one brought.
type Pipeline struct {
	Commands int
	Keys     int // that were begun
	Elements int // fields, members, elements, entries; a string is one
	Bytes    int // of keys, fields, values, members and elements
	Took     time.Duration
}
