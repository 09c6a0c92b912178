package journal

import "github.com/pika2kvrocks/pika2kvrocks/writer/checkpoint"

// A Position is the checkpoint of a unit, and where in the dump it lies.
type Position struct {
	checkpoint.Checkpoint
	Chunk string `json:"chunk,omitempty"` // the chunk in which it lies
	In    int64  `json:"in,omitempty"`    // records of that chunk before it
}
