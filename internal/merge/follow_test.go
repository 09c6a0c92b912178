package merge

import (
	"io"
	"path/filepath"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/dump"
	"github.com/pika2kvrocks/pika2kvrocks/internal/follow"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// TestFollowed: a chain that follows a Pika, merged, is a full dump of that Pika, and another chain
// goes on behind it, where the first has ended.
func TestFollowed(t *testing.T) {
	s := smallpika.StartEmpty(t, pikasim.Options{Version: pikasim.V355, Replication: true})
	full := func() string {
		out := filepath.Join(t.TempDir(), "full")
		if err := dump.Run(t.Context(), dump.Options{Reader: reader.Options{Addr: s.Addr()}, Location: out, Tool: "test", Log: io.Discard}); err != nil {
			t.Fatal(err)
		}
		return out
	}
	open := func(location string) *archive.Archive {
		a, err := archive.Open(t.Context(), location, 1)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(a.Close)
		return a
	}
	smallpika.Send(t, s.Addr(), "SET s 1", "SET gone 1", "HMSET h a 1 b 2", "RPUSH l a b c", "SADD set x y", "ZADD z 1 a 2 b", "XADD x 1-1 f v")
	base := full()
	for _, writes := range [][]string{
		{"DEL gone", "APPEND s 2", "APPEND new 3", "HDEL h a", "LPOP l", "SPOP set", "ZINCRBY z 5 a", "XADD x 2-1 g w"},
		{"DEL h", "SET gone 2", "RPUSH l d", "DEL z", "HSET z f v", "XTRIM x MAXLEN 1"},
	} {
		chain, out := filepath.Join(t.TempDir(), "chain"), filepath.Join(t.TempDir(), "out")
		for n := range writes {
			smallpika.Send(t, s.Addr(), writes[n])
			if n%3 > 0 && n < len(writes)-1 {
				continue
			}
			err := follow.Run(t.Context(), follow.Options{Reader: reader.Options{Addr: s.Addr()}, Base: base, Chain: chain, Once: true, Tool: "test", Log: io.Discard})
			if err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Run(t.Context(), Options{Base: base, Chain: chain, Out: out, Tool: "test", Log: io.Discard}); err != nil {
			t.Fatal(err)
		}
		got, want := open(out), open(full())
		if holds(t, got) != holds(t, want) || lists(t, got) != lists(t, want) {
			t.Errorf("behind %v it holds\n%s%s\nand the Pika\n%s%s", writes, holds(t, got), lists(t, got), holds(t, want), lists(t, want))
		}
		base = out
	}
}
