package follow

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/dump"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/merge"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
)

// TestRestart: the source is killed when its data have what its binlog does not, in the middle of a
// run or between two. Every run says so, in its exit code, too, until a comparison has found it.
func TestRestart(t *testing.T) {
	for _, v := range []pikasim.Version{pikasim.V340, pikasim.V355, pikasim.V401} {
		for _, between := range []bool{false, true} {
			t.Run(fmt.Sprint(v, " between two runs ", between), func(t *testing.T) {
				var seconds atomic.Int64
				clock := func() time.Time { return time.Now().Add(time.Duration(seconds.Load()) * time.Second) }
				s := newStand(t, pikasim.Options{Version: v, Clock: clock}, "SET k v")
				seconds.Add(100)
				kill := sync.OnceFunc(func() {
					smallpika.Send(t, s.Addr(), "CONFIG SET write-binlog no", "SET lost v", "CONFIG SET write-binlog yes")
					seconds.Add(10)
					s.Restart()
				})
				smallpika.Send(t, s.Addr(), "SET k1 v")
				log, err := s.run(t.Context(), func(o *Options) {
					if !between {
						o.before = func(string) error { kill(); return nil }
					}
				})
				if between {
					if err != nil || strings.Contains(log, "restarted") {
						t.Fatalf("%v\n%s", err, log)
					}
					kill()
				} else {
					s.saysRestart(t, log, err)
				}
				log, err = s.run(t.Context(), once) // nothing was written since
				s.saysRestart(t, log, err)
				smallpika.Send(t, s.Addr(), "SET k2 v")
				log, err = s.run(t.Context(), once)
				s.saysRestart(t, log, err)
				last := s.deltas(t)[len(s.deltas(t))-1]
				a, err := archive.OpenAny(t.Context(), last, 1)
				if err != nil {
					t.Fatal(err)
				}
				a.Close()
				if !a.Manifest.Delta.Restarted {
					t.Error("the delta does not say it")
				}
				merged := filepath.Join(t.TempDir(), "merged")
				if _, err := merge.Run(t.Context(), merge.Options{Base: s.base, Chain: s.chain, Out: merged, Tool: "test", Log: &lockedBuffer{}}); err != nil {
					t.Fatal(err)
				}
				behind := &stand{Server: s.Server, base: merged, chain: filepath.Join(t.TempDir(), "chain")}
				log, err = behind.run(t.Context(), once)
				behind.saysRestart(t, log, err)

				next := archive.DeltaPath(s.chain, len(s.deltas(t))+1)
				s.dump(t, next, func(o *dump.Options) { o.Base = s.base })
				smallpika.Send(t, s.Addr(), "SET k3 v")
				if log, err := s.run(t.Context()); err != nil || strings.Contains(log, "restarted") {
					t.Errorf("%v\n%s", err, log)
				}
				s.equal(t)
			})
		}
	}
}

// saysRestart checks that a run ended with what it cannot know.
func (s *stand) saysRestart(t *testing.T, log string, err error) {
	t.Helper()
	if !errors.As(err, new(*exitcode.LeftOutError)) || !strings.Contains(err.Error(), "pikadump dump --base") || strings.Count(log, "warning: the source was restarted") != 1 {
		t.Fatalf("%v\n%s", err, log)
	}
}
