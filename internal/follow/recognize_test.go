package follow

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// TestOlderCopy: the source's data are replaced by an older copy, whose binlog then grows past
// where it was followed to: writes of equal size, so that an item begins there, or of another.
func TestOlderCopy(t *testing.T) {
	for name, value := range map[string]string{"same size": "BBBB", "another": "BBBBBBB"} {
		for _, v := range []pikasim.Version{pikasim.V340, pikasim.V355, pikasim.V401} {
			t.Run(fmt.Sprint(name, " ", v), func(t *testing.T) {
				var seconds atomic.Int64
				clock := func() time.Time { return time.Unix(1795000000+seconds.Load(), 0) }
				s := newStand(t, pikasim.Options{Version: v, Databases: 2, Clock: clock}, "SET k v", "SELECT 1", "SET k v")
				write := func(key, value string, n int) {
					t.Helper()
					for i := range n {
						smallpika.Send(t, s.Addr(), fmt.Sprintf("SET %s%d %s", key, i, value), "SELECT 1", fmt.Sprintf("SET %s%d %s", key, i, value))
					}
				}
				write("a", "AAAA", 5)
				for range 2 { // the same source goes on, with deltas and without
					if log, err := s.follow(t.Context(), once); err != nil {
						t.Fatalf("%v\n%s", err, log)
					}
					smallpika.Send(t, s.Addr(), "SET a1 AAAA")
				}
				if log, err := s.follow(t.Context(), once); err != nil {
					t.Fatalf("%v\n%s", err, log)
				}
				s.RewindBinlog(1, 3)
				seconds.Add(1)
				write("b", value, 8)
				before := len(s.deltas(t))
				log, err := s.follow(t.Context())
				if !errors.Is(err, reader.ErrRefused) || !CannotFollow(err) || !strings.Contains(err.Error(), "db1 has another write at") {
					t.Fatalf("%v\n%s", err, log)
				}
				if n := len(s.deltas(t)); n != before {
					t.Errorf("%d deltas, and were %d", n, before)
				}
			})
		}
	}
}

// TestLastItemPurged: the file of the last item is gone, and that of the next is there.
func TestLastItemPurged(t *testing.T) {
	s := newStand(t, pikasim.Options{Config: map[string]string{"binlog-file-size": "1"}}, "SET k v")
	smallpika.Send(t, s.Addr(), "SET k 1", "SET k 2")
	if log, err := s.follow(t.Context(), once); err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	s.PurgeBinlog(0)
	smallpika.Send(t, s.Addr(), "SET k 3")
	log, err := s.follow(t.Context(), once)
	if err != nil || !strings.Contains(log, "cannot be seen") {
		t.Errorf("%v\n%s", err, log)
	}
	s.equal(t)
}
