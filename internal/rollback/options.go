package rollback

import (
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
)

// Options say which load is undone, and how.
type Options struct {
	load.Spec // of the load; with a shard only that is undone

	Undo  string // the dump of what was overwritten; empty: where the journal says that it is
	Force bool   // keys that others have changed are removed, or put back, as well

	// Of what is put back: how often its journal is written, and how long nothing may move; 0: for
	// ever.
	Checkpoint   time.Duration
	StallTimeout time.Duration
}
