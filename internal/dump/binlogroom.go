package dump

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// A BinlogRoom tells whether a source keeps its binlog for as long as a dump takes: `pikadump
// follow` goes on from where the dump began.
type BinlogRoom struct {
	Kept          reader.BinlogKept
	From          []format.BinlogPosition // where the dump began, or would
	Before, After []format.BinlogPosition // how far the binlog was written at two looks
	Between       time.Duration           // the looks
	Left          time.Duration           // of the dump
}

// Gone reports whether a position is deleted, or is about to be.
func (b *BinlogRoom) Gone() bool {
	room, db := b.least()
	return db >= 0 && room <= 0
}

// Warning says that a position is deleted, or may be before the dump ends, at the rate between the
// looks; empty: it stays. When says when the looks were.
func (b *BinlogRoom) Warning(when string) string {
	room, db := b.least()
	if db < 0 {
		return ""
	}
	rate := float64(b.Kept.Bytes(position(b.Before, db), position(b.After, db))) / max(b.Between.Seconds(), 0.001)
	more := rate * b.Left.Seconds()
	set := fmt.Sprintf("at the source: CONFIG SET expire-logs-nums %d", b.Kept.Wanted(position(b.From, db), position(b.After, db), int64(2*more)))
	switch {
	case room <= 0:
		return "the source keeps no binlog any more from where the dump began: pikadump follow cannot go on from it, " +
			"but pikadump dump --base finds what is written meanwhile. Before the next dump, " + set
	case more >= float64(room):
		lasts := time.Duration(float64(room) / rate * float64(time.Second))
		return fmt.Sprintf("the source wrote %s of binlog a second %s. At this rate it deletes in %s what pikadump follow needs to go on from the dump, "+
			"which may take %s more. To keep it, %s", progress.Bytes(int64(rate)), when, progress.Took(lasts), progress.Took(b.Left), set)
	}
	return ""
}

// least returns the database with the least room for its time, and the room; -1: there is none, or
// it is not known how much is kept.
func (b *BinlogRoom) least() (room int64, db int) {
	db = -1
	for _, from := range b.From {
		if now := position(b.After, from.DB); b.Kept.FileBytes > 0 && (now.File > 0 || now.Offset > 0) {
			if r := b.Kept.Room(from, now); db < 0 || r < room {
				room, db = r, from.DB
			}
		}
	}
	return room, db
}

func position(list []format.BinlogPosition, db int) format.BinlogPosition {
	p, _ := format.PositionOf(list, db)
	return p
}

// roomEvery is how often a dump looks how much binlog is left.
const roomEvery = 30 * time.Second

// watchBinlog warns once when the source may delete the binlog from where the dump began, and once
// when it has. A look that fails is left to the next.
func (c *scan) watchBinlog(ctx context.Context) {
	src, from := c.s.Source(), c.w.Info.Source.Binlog
	if !src.Follows() || src.WriteBinlog == "no" || len(from) == 0 || c.o.Selection.isTrial() {
		return
	}
	o := c.s.Observer()
	defer o.Close()
	start, before, err := o.Binlog(ctx)
	if err != nil {
		return
	}
	tick := time.NewTicker(cmp.Or(c.o.roomEvery, roomEvery))
	defer tick.Stop()
	for warned := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now, after, err := o.Binlog(ctx)
		if err != nil {
			continue
		}
		kept, err := c.s.BinlogKept(ctx) // it may have been raised
		if err != nil {
			continue
		}
		room := &BinlogRoom{Kept: kept, From: from, Before: before, After: after, Between: now.Sub(start), Left: c.left(now.Sub(start))}
		text := room.Warning("during the dump")
		if text == "" || warned && !room.Gone() {
			continue
		}
		fmt.Fprintf(c.o.Log, "warning: %s\n", text)
		if warned = true; room.Gone() {
			return
		}
	}
}

// left returns how long the dump may still take: twice the estimate, and as long as it took if
// there is none.
func (c *scan) left(took time.Duration) time.Duration {
	if c.o.Meter != nil {
		if left := c.o.Meter.Snapshot().Left; left != nil {
			return time.Duration(2 * *left * float64(time.Second))
		}
	}
	return took
}
