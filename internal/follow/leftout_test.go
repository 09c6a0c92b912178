package follow

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
	"github.com/pika2kvrocks/pika2kvrocks/reader/binlog"
)

// TestLeftOutByEarlierRuns: a key that a delta of an earlier run has left out counts, and its list
// is named, until a later delta has it, whoever made that.
func TestLeftOutByEarlierRuns(t *testing.T) {
	s := newStand(t, pikasim.Options{}, "SET a 1")
	follow := func(want string, set func(*Options)) *summary.Summary {
		t.Helper()
		sum := summary.New("pikadump", "test", "follow")
		o := Options{Reader: reader.Options{Addr: s.Addr()}, Base: s.base, Chain: s.chain, Tool: "test", Log: io.Discard, Summary: sum}
		set(&o)
		err := Run(t.Context(), o)
		if errors.Is(err, errKilled) {
			err = nil
		}
		if (want != "") != errors.As(err, new(*exitcode.LeftOutError)) || err != nil && (want == "" || !strings.Contains(err.Error(), want)) {
			t.Fatalf("%v, want %q", err, want)
		}
		return sum
	}
	smallpika.Send(t, s.Addr(), "HSET m f 1", "SET m 1", "EXPIRE m 5000")
	follow("2 keys were written", once)
	smallpika.Send(t, s.Addr(), "SET a 2")
	const list = "000001/skipped.jsonl"
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	encrypt := func(o *Options) {
		o.Archive.Keys = encryption.Keys{Recipients: []age.Recipient{id.Recipient()}, Identities: []age.Identity{id}}
		once(o)
	}
	for _, set := range []func(*Options){once, once, encrypt} { // the second has nothing to make
		if sum := follow(list, set); len(sum.LeftOut) != 1 || sum.LeftOut[0].Keys != 2 || sum.LeftOut[0].Reason != string(reader.ExpiryUnknown) || !strings.HasSuffix(sum.LeftOut[0].List, list) {
			t.Errorf("left out: %+v", sum.LeftOut)
		}
	}
	follow(list, func(o *Options) { o.UntilIdle = 50e6 })
	sum := follow("", func(o *Options) { o.dial = stopped })
	if len(sum.LeftOut) != 1 || !strings.HasSuffix(sum.LeftOut[0].List, list) {
		t.Errorf("stopped: left out %+v", sum.LeftOut)
	}
	smallpika.Send(t, s.Addr(), "DEL m")
	follow("", once)
	follow("", once)
}

// stopped ends a run that follows.
func stopped(context.Context, binlog.Options) (session, error) { return endless{}, nil }

type endless struct{}

func (endless) Next(context.Context) (*binlog.Item, error) { return nil, errKilled }
func (endless) KeepAlive() error                           { return nil }
func (endless) Goodbye(context.Context) error              { return nil }
func (endless) Close() error                               { return nil }
