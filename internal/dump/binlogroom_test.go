package dump

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// TestBinlogRoom: what a source keeps is held against the time that a dump takes, by the database
// that has the least room.
func TestBinlogRoom(t *testing.T) {
	at := func(db int, file, offset int64) format.BinlogPosition {
		return format.BinlogPosition{DB: db, File: file, Offset: offset}
	}
	const mib = 1 << 20
	room := BinlogRoom{
		Kept:    reader.BinlogKept{Files: 10, FileBytes: 100 * mib},
		From:    []format.BinlogPosition{at(0, 4, 0), at(1, 7, 50*mib)},
		Before:  []format.BinlogPosition{at(0, 4, 0), at(1, 7, 50*mib)},
		After:   []format.BinlogPosition{at(0, 4, 10), at(1, 8, 50*mib)}, // 100 MiB in 100 s; 850 MiB are left
		Between: 100 * time.Second,
	}
	for left, want := range map[time.Duration]string{
		849 * time.Second: "",
		850 * time.Second: "the source wrote 1.0 MiB of binlog a second of late. At this rate it deletes in 14m10s what pikadump follow needs to go on from the dump, which may take 14m10s more. To keep it, at the source: CONFIG SET expire-logs-nums 20",
		time.Hour:         "At this rate it deletes in 14m10s what pikadump follow needs to go on from the dump, which may take 1h0m0s more. To keep it, at the source: CONFIG SET expire-logs-nums 80",
	} {
		room.Left = left
		if got := room.Warning("of late"); want == "" && got != "" || !strings.Contains(got, want) || room.Gone() {
			t.Errorf("%v: %q", left, got)
		}
	}
	room.Left, room.After = 0, []format.BinlogPosition{at(0, 4, 10), at(1, 17, 0)}
	if got := room.Warning("of late"); !room.Gone() || !strings.Contains(got, "keeps no binlog any more") || !strings.Contains(got, "expire-logs-nums 20") {
		t.Error(got)
	}
	for name, unknown := range map[string]BinlogRoom{
		"kept":      {From: room.From, Before: room.Before, After: room.After},
		"positions": {Kept: room.Kept},
		"now":       {Kept: room.Kept, From: room.From, Before: room.Before},
	} {
		if got := unknown.Warning("of late"); got != "" || unknown.Gone() {
			t.Errorf("%s is unknown: %q", name, got)
		}
	}
}

// A listener is a log that says when something is said.
type listener struct {
	mu   sync.Mutex
	text bytes.Buffer
	says map[string]chan struct{}
}

func (l *listener) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p)
	for text, said := range l.says {
		if bytes.Contains(l.text.Bytes(), []byte(text)) {
			close(said)
			delete(l.says, text)
		}
	}
	return len(p), nil
}

// TestBinlogIsDeleted: a dump warns while it can be helped, and says when it is too late.
func TestBinlogIsDeleted(t *testing.T) {
	opened, soon, gone := make(chan struct{}), make(chan struct{}), make(chan struct{})
	log := &listener{says: map[string]chan struct{}{"source: Pika": opened, "To keep it, at the source: CONFIG SET expire-logs-nums": soon, "keeps no binlog any more": gone}}
	var once sync.Once
	var pika *pikasim.Server
	write := func(until <-chan struct{}) {
		c := smallpika.Client(t, pika.Addr())
		for i := 0; ; i++ {
			select {
			case <-until:
				return
			default:
				if err := c.Set(t.Context(), fmt.Sprint("w", i), strings.Repeat("v", 10<<10), 0).Err(); err != nil {
					t.Error(err)
					return
				}
			}
		}
	}
	pika = smallpika.Start(t, pikasim.Options{
		Replication: true, Config: map[string]string{"binlog-file-size": "1048576"},
		Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
			select {
			case <-opened:
				if strings.EqualFold(string(args[0]), "PKSCANRANGE") {
					once.Do(func() { write(soon); write(gone) })
				}
			default:
			}
			return nil, false, false
		},
	})
	makeDump(t, pika.Addr(), newDir(t), func(o *Options) { o.Log, o.roomEvery, o.Threads = log, time.Millisecond, 1 }).ok(t)
	if n := strings.Count(log.text.String(), "pikadump follow"); n != 2 {
		t.Errorf("%d warnings:\n%s", n, log.text.String())
	}
}
