package reader

import (
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// TestBinlogRoom: a position is there as long as its file is among the last that are kept.
func TestBinlogRoom(t *testing.T) {
	at := func(file, offset int64) format.BinlogPosition {
		return format.BinlogPosition{File: file, Offset: offset}
	}
	k := BinlogKept{Files: 12, FileBytes: 1000}
	for _, c := range []struct {
		from, now format.BinlogPosition
		room      int64
	}{
		{at(5, 900), at(5, 900), 11_100}, // until file 17 begins
		{at(5, 0), at(16, 999), 1},
		{at(5, 0), at(17, 0), 0},
		{at(5, 0), at(30, 1), -13_001},
	} {
		if got := k.Room(c.from, c.now); got != c.room {
			t.Errorf("%v, now %v: room for %d, want %d", c.from, c.now, got, c.room)
		}
		for _, more := range []int64{0, 1, 999, 54_321} {
			wanted := BinlogKept{Files: k.Wanted(c.from, c.now, more), FileBytes: k.FileBytes}
			if wanted.Room(c.from, c.now) <= more || wanted.Files%10 != 0 {
				t.Errorf("%v, now %v, and %d more: %d files leave room for %d", c.from, c.now, more, wanted.Files, wanted.Room(c.from, c.now))
			}
		}
	}
	if got := (BinlogKept{Files: 3, FileBytes: 1000}).Room(at(0, 0), at(9, 0)); got != 1000 {
		t.Errorf("the last ten files are kept whatever is set: room for %d", got)
	}
}
