package loadstate

import (
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/shard"
)

// TestRoot: the journals of shards are beside the dump in its bucket, and never in another bucket.
func TestRoot(t *testing.T) {
	for in, want := range map[string]string{
		"s3://dumps/a?region=x":  "s3://dumps/a.load/h_1?region=x",
		"s3://dumps/a/?region=x": "s3://dumps/a.load/h_1?region=x",
		"s3://dumps?region=x":    "kvload-01234567.load/h_1",
		"s3://dumps/?region=x":   "kvload-01234567.load/h_1",
	} {
		l := Location{Dump: in, ID: "0123456789", Target: "h:1", Shard: shard.Shard{Index: 1, Of: 2}}
		if got := l.Root(nil); got != want {
			t.Errorf("of %s: %s, want %s", in, got, want)
		}
	}
}
