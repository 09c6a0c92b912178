package reader

import (
	"context"
	"strconv"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// BinlogKept is how much of its binlog a source keeps (SERVERS.md P9). Zeros are unknown.
type BinlogKept struct {
	Files     int64 // expire-logs-nums
	FileBytes int64 // binlog-file-size
}

// BinlogKept asks for it. A source that does not tell is no error.
func (s *Scanner) BinlogKept(ctx context.Context) (kept BinlogKept, err error) {
	if s.source.NoConfig != nil {
		return kept, nil
	}
	c, err := s.dial(ctx, 0)
	if err != nil {
		return kept, err
	}
	defer c.close()
	for name, n := range map[string]*int64{"expire-logs-nums": &kept.Files, "binlog-file-size": &kept.FileBytes} {
		text, err := c.config(ctx, name)
		if err != nil {
			return BinlogKept{}, err
		}
		*n, _ = strconv.ParseInt(text, 10, 64)
	}
	return kept, nil
}

// Bytes returns how many bytes of binlog lie between two positions; 0: it cannot be told.
func (k BinlogKept) Bytes(from, to format.BinlogPosition) int64 {
	return max(0, (to.File-from.File)*k.FileBytes+to.Offset-from.Offset)
}

// leastFiles are kept of a binlog whatever is set (SERVERS.md P18).
const leastFiles = 10

// Room returns how many bytes can still be written until the file of a position is deleted. 0 or
// less: it may be gone.
func (k BinlogKept) Room(from, now format.BinlogPosition) int64 {
	return (from.File+max(k.Files, leastFiles)-now.File)*k.FileBytes - now.Offset
}

// Wanted returns the expire-logs-nums with which a position is still there when so many more bytes
// are written, in whole tens.
func (k BinlogKept) Wanted(from, now format.BinlogPosition, more int64) int64 {
	files := now.File - from.File + 1 + (now.Offset+more)/max(1, k.FileBytes)
	return (max(files, k.Files, leastFiles)/10 + 1) * 10
}
