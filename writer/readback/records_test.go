package readback

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/testserver"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

func open(t *testing.T, addr string) *Client {
	t.Helper()
	l, err := target.Open(t.Context(), target.Options{Addr: addr})
	if err != nil {
		t.Fatal(err)
	}
	v := New(l, 0, nil)
	t.Cleanup(func() { _ = v.Close() })
	return v
}

// read reads a key, and returns its elements and the bytes of its largest record.
func readKey(t *testing.T, v *Client, key string) (elems []string, largest int) {
	t.Helper()
	looks, err := v.Info(t.Context(), bs(key))
	if err != nil {
		t.Fatal(err)
	}
	err = v.Read(t.Context(), b(key), looks[0], func(r *format.Record) error {
		largest = max(largest, r.Size())
		for _, e := range r.Elems {
			elems = append(elems, string(e))
		}
		for _, e := range r.Entries {
			elems = append(elems, string(bytes.Join(e.Fields, nil)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return elems, largest
}

// TestReadLarge: what a key holds is read in pages of bounded bytes, also where so few elements are
// large, and whatever was read before.
func TestReadLarge(t *testing.T) {
	testserver.Each(t, func(t *testing.T, addr string, c *redis.Client) {
		const n, size = 300, 40 << 10
		for i := range n {
			value := fmt.Sprintf("%05d", i) + strings.Repeat("x", size)
			p := c.Pipeline()
			p.HSet(t.Context(), "h", fmt.Sprint(i), value)
			p.SAdd(t.Context(), "s", value)
			p.RPush(t.Context(), "l", value)
			p.ZAdd(t.Context(), "z", redis.Z{Score: float64(i), Member: value})
			p.XAdd(t.Context(), &redis.XAddArgs{Stream: "x", Values: []string{"f", value}})
			if _, err := p.Exec(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		c.SAdd(t.Context(), "huge", "a", "b", strings.Repeat("c", 2*pageLimit))
		v := open(t, addr)
		for key, want := range map[string]int{"h": 2 * n, "s": n, "l": n, "z": n, "x": n} {
			v.elements = 0
			elems, largest := readKey(t, v, key)
			slices.Sort(elems)
			if len(slices.Compact(elems)) != want || largest > pageLimit+pageLimit/4 {
				t.Errorf("%s: %d elements, want %d, at most %d bytes at once", key, len(elems), want, largest)
			}
			if v.elements < 4 {
				t.Errorf("%s: pages of %d elements are left", key, v.elements)
			}
		}
		if elems, _ := readKey(t, v, "huge"); len(elems) != 3 {
			t.Errorf("%d members", len(elems))
		}
	})
}

// TestReadNames: no name of a field or member ends the reading of a key, with cursors of either
// form.
func TestReadNames(t *testing.T) {
	testserver.Each(t, func(t *testing.T, addr string, c *redis.Client) {
		names := []string{"", "0", "00", "1", "_", "_0", "__a", "_a", "a", "(", "[", "-", "+", "\x00", "\r\n", "\xff"}
		for i := range 600 {
			names = append(names, fmt.Sprintf("_%03d", i))
		}
		for _, name := range names {
			c.SAdd(t.Context(), "s", name)
			c.HSet(t.Context(), "h", name, "v")
			c.ZAdd(t.Context(), "z", redis.Z{Score: 0.1, Member: name})
		}
		v := open(t, addr)
		for _, compatible := range []string{"yes", "no"} {
			if err := c.ConfigSet(t.Context(), "redis-cursor-compatible", compatible).Err(); err != nil && v.target.IsKvrocks() {
				t.Fatal(err)
			}
			for _, first := range []int{1, 2, 3, pageElements} {
				v.elements = first
				if elems, _ := readKey(t, v, "s"); len(elems) != len(names) {
					t.Errorf("%d members of %d", len(elems), len(names))
				}
				v.elements = first
				if elems, _ := readKey(t, v, "h"); len(elems) != 2*len(names) {
					t.Errorf("%d fields of %d", len(elems)/2, len(names))
				}
				v.elements = first
				if elems, _ := readKey(t, v, "z"); len(elems) != len(names) {
					t.Errorf("%d members of the zset, of %d", len(elems), len(names))
				}
			}
		}
		c.ConfigSet(context.Background(), "redis-cursor-compatible", "yes")
	})
}

// TestUnchanged: a key that others wrote to between the look and the end of its reading is told
// from one that they left, and from one whose time has come.
func TestUnchanged(t *testing.T) {
	testserver.Each(t, func(t *testing.T, addr string, c *redis.Client) {
		ctx := t.Context()
		do := func(args ...any) {
			t.Helper()
			if err := c.Do(ctx, args...).Err(); err != nil {
				t.Fatal(err)
			}
		}
		v := open(t, addr)
		for _, tc := range []struct {
			name    string
			between []any // what others do
			changed bool
		}{
			{"left", []any{"PING"}, false},
			{"same length, no expiry", []any{"SET", "k", "other"}, true},
			{"another expiry", []any{"PEXPIREAT", "k", int64(4102444800000)}, true},
			{"another length", []any{"APPEND", "k", "x"}, true},
			{"its time has come", []any{"PEXPIREAT", "k", int64(1000)}, false},
			{"of nowhere", []any{"SET", "new", "x"}, true},
		} {
			do("DEL", "k", "new")
			do("SET", "k", "value", "EX", 1000)
			keys := [][]byte{[]byte("k"), []byte("new")}
			looks, err := v.Info(ctx, keys)
			if err != nil {
				t.Fatal(err)
			}
			do(tc.between...)
			if err := v.Unchanged(ctx, keys, looks); errors.Is(err, ErrChanged) != tc.changed || err != nil && !tc.changed {
				t.Errorf("%s: %v", tc.name, err)
			}
		}
	})
}

// TestReadZset: a zset of a Kvrocks is read in order of its members, where each page goes on at the
// last and none counts from the first element on.
func TestReadZset(t *testing.T) {
	pages := map[string]string{
		"0": "*2\r\n" + testserver.Bulk("1") + "*4\r\n" + testserver.Bulk("a") + testserver.Bulk("2.5") + testserver.Bulk("b") + testserver.Bulk("-inf"),
		"1": "*2\r\n" + testserver.Bulk("2") + "*4\r\n" + testserver.Bulk("c") + testserver.Bulk("0.10000000000000001") + testserver.Bulk("d") + testserver.Bulk("-0"),
		"2": "*2\r\n" + testserver.Bulk("0") + "*0\r\n",
	}
	f := testserver.Start(t, func(cmd []string) (string, bool) {
		if cmd[0] == "ZRANGE" {
			t.Errorf("%q was sent", cmd)
		}
		if cmd[0] != "ZSCAN" {
			return "", false
		}
		return pages[cmd[2]], true
	})
	var got []string
	v := open(t, f.Addr)
	v.elements = 2
	err := v.Read(t.Context(), b("z"), KeyInfo{Type: "zset", Kind: format.Zset, Length: 4}, func(r *format.Record) error {
		for i, e := range r.Elems {
			got = append(got, fmt.Sprintf("%s %g", e, r.Scores[i]))
		}
		return nil
	})
	if want := []string{"a 2.5", "b -Inf", "c 0.1", "d -0"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}
