package pace

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// looks has Connections look at a server that answers in as long as took says, given how many
// connections read, until the list is over. It returns how many read after each look.
func looks(t *testing.T, c *Connections, count int, took func(look, n int) time.Duration) []int {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	n, look, all := c.n, 0, []int(nil)
	c.ping = func(context.Context) (time.Duration, error) {
		if look++; look > count {
			cancel()
			return 0, context.Canceled
		}
		all = append(all, n)
		if d := took(look, n); d >= 0 {
			return d, nil
		}
		return 0, errors.New("connection lost")
	}
	c.Watch(ctx, func(now int) { n = now })
	return append(all[1:], n)
}

// TestConnections: one more after each three quick looks, up to the most.
func TestConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewConnections(2, 4, LookEvery, nil)
		quick := func(int, int) time.Duration { return ms }
		if got, want := looks(t, c, 10, quick), []int{2, 2, 3, 3, 3, 4, 4, 4, 4, 4}; !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	})
}

// TestConnectionsRoom: a server with room for four, however many threads it has, gets no fifth for
// long; one that becomes slow is left to the few, and never to fewer.
func TestConnectionsRoom(t *testing.T) { synctest.Test(t, testConnectionsRoom) }

func testConnectionsRoom(t *testing.T) {
	c := NewConnections(2, 6, LookEvery, nil)
	c.start = 3 * ms // its limit is 12 ms
	room := func(_, n int) time.Duration {
		if n > 4 {
			return 13 * ms
		}
		return 12 * ms
	}
	got := looks(t, c, 2400, room) // a minute
	fifth := 0
	for _, n := range got {
		if n > 5 {
			t.Fatal("a sixth")
		}
		if n == 5 {
			fifth++
		}
	}
	if fifth == 0 || fifth > 4*shrinkLooks {
		t.Errorf("five read during %d of 2400 looks: each try is twice as long after the one before", fifth)
	}
	slow := func(int, int) time.Duration { return time.Second }
	got = looks(t, c, 40, slow)
	if slices.Min(got) != 2 || got[len(got)-1] != 2 {
		t.Errorf("%v", got)
	}
	for _, n := range looks(t, c, 40, func(int, int) time.Duration { return -1 }) {
		if n != 2 {
			t.Fatal("more while the server does not answer")
		}
	}
}

// TestConnectionsHiccup: a slow look in four changes nothing.
func TestConnectionsHiccup(t *testing.T) { synctest.Test(t, testConnectionsHiccup) }

func testConnectionsHiccup(t *testing.T) {
	c := NewConnections(1, 3, LookEvery, nil)
	got := looks(t, c, 400, func(look, _ int) time.Duration {
		if look%4 == 0 {
			return time.Second
		}
		return ms
	})
	if i := slices.Index(got, 3); i < 0 || slices.Min(got[i:]) != 3 {
		t.Errorf("%v", got)
	}
}

// TestConnectionsNoPing: who may not ping stays with the few.
func TestConnectionsNoPing(t *testing.T) {
	c := NewConnections(2, 6, LookEvery, func(context.Context) (time.Duration, error) { return 0, errors.New("NOPERM") })
	c.Begin(t.Context())
	c.Watch(t.Context(), func(n int) { t.Errorf("%d connections", n) })
}
