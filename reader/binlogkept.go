package reader

import (
	"context"
	"strconv"
	"time"

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

// A BinlogObserver asks how far the binlog is written, over a connection of its own. It is not safe
// for concurrent use.
type BinlogObserver struct{ lazyConn }

// BinlogObserver returns one. It connects when it is first asked.
func (s *Scanner) BinlogObserver() *BinlogObserver { return &BinlogObserver{lazyConn{s: s}} }

// Look returns the positions of all databases, and the source's clock as it was before. It retries
// as a pass does. The context that connects ends the connection as well.
func (o *BinlogObserver) Look(ctx context.Context) (now time.Time, positions []format.BinlogPosition, err error) {
	if err := o.connect(ctx); err != nil {
		return now, nil, err
	}
	ms, err := o.c.time(ctx)
	if err == nil {
		positions, err = o.c.binlogPositions(ctx, o.s.source)
	}
	if err != nil {
		o.Close()
	}
	return time.UnixMilli(ms), positions, err
}

// Follows reports whether the binlog of the version can be followed (SERVERS.md P17).
func (s *ServerInfo) Follows() bool { return s.version.atLeast(3, 4, 0) }
