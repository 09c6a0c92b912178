package rawbatch

import (
	"fmt"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// keysOf returns a key of each type and odd ones, with what a Kvrocks answers about them.
func keysOf(expire int64) (records []format.Record, reads map[string]any) {
	b := func(list ...string) (out [][]byte) {
		for _, s := range list {
			out = append(out, []byte(s))
		}
		return out
	}
	whole := func(r format.Record) format.Record {
		r.Part = format.PartWhole
		return r
	}
	id := func(ms, seq uint64) format.StreamID { return format.StreamID{Ms: ms, Seq: seq} }
	records = []format.Record{
		whole(format.Record{Kind: format.String, Key: []byte("raw:s\x00"), Value: []byte("v\xff\r\n"), Expire: expire}),
		whole(format.Record{Kind: format.String, Key: []byte("raw:empty"), Value: []byte{}}),
		whole(format.Record{Kind: format.Hash, Key: []byte("raw:h"), Elems: b("f", "v", "", "", "\x00", strings.Repeat("x", 300))}),
		{Kind: format.List, Key: []byte("raw:l"), Part: format.PartFirst, Elems: b("a", "", "b"), Expire: expire},
		{Kind: format.List, Key: []byte("raw:l"), Part: format.PartLast, Elems: b("a"), Expire: expire},
		whole(format.Record{Kind: format.Set, Key: []byte("raw:set"), Elems: b("", "m", "\xfe")}),
		whole(format.Record{Kind: format.Zset, Key: []byte("raw:z"), Elems: b("a", "b", "c", "d", "e", "f", ""),
			Scores: []float64{-1.5, 0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), 1e300, 5e-324}}),
		whole(format.Record{Kind: format.Stream, Key: []byte("raw:x"), Expire: expire,
			Entries: []format.Entry{{ID: id(1, 1), Fields: b("f", "v", "f", "x")}, {ID: id(5, 0), Fields: b(strings.Repeat("g", 200), "w")}},
			State:   &format.StreamState{LastID: id(9, 9), MaxDeletedID: id(4, 0), EntriesAdded: 7}}),
		whole(format.Record{Kind: format.Stream, Key: []byte("raw:nox"), State: &format.StreamState{LastID: id(3, 1), MaxDeletedID: id(3, 1), EntriesAdded: 2}}),
	}
	reads = map[string]any{
		"GET raw:s\x00": "v\xff\r\n", "GET raw:empty": "", "TYPE raw:x": "stream",
		"HGETALL raw:h":     []any{"", "", "\x00", strings.Repeat("x", 300), "f", "v"},
		"LRANGE raw:l 0 -1": []any{"a", "", "b", "a"}, "LLEN raw:l": int64(4), "HLEN raw:h": int64(3),
		"SMEMBERS raw:set": []any{"", "m", "\xfe"}, "SCARD raw:set": int64(3),
		"ZRANGE raw:z 0 -1": []any{"e", "a", "c", "b", "", "f", "d"}, "ZCARD raw:z": int64(7), "ZSCORE raw:z ": "4.9406564584124654e-324",
		"ZRANK raw:z f": int64(5), "XLEN raw:x": int64(2), "XLEN raw:nox": int64(0),
		"XRANGE raw:x - +": []any{[]any{"1-1", []any{"f", "v", "f", "x"}}, []any{"5-0", []any{strings.Repeat("g", 200), "w"}}},
	}
	for _, name := range []string{"raw:s\x00", "raw:l", "raw:x"} {
		reads["PEXPIRETIME "+name] = expire
	}
	for _, name := range []string{"raw:h", "raw:set", "raw:z", "raw:empty"} {
		reads["PEXPIRETIME "+name] = int64(-1)
	}
	return records, reads
}

// kvrocks connects to the Kvrocks of the tests.
func kvrocks(t *testing.T) *redis.Client {
	addr := os.Getenv("KVROCKS_ADDR")
	if addr == "" {
		t.Skip("KVROCKS_ADDR is not set: raw batches ARE NOT TESTED on a Kvrocks")
	}
	c := redis.NewClient(&redis.Options{Addr: addr, Protocol: 2})
	t.Cleanup(func() { c.Close() })
	if strings.Contains(c.Info(t.Context(), "cluster").Val(), "cluster_enabled:1") {
		t.Skip("the Kvrocks is one of a cluster")
	}
	return c
}

// TestKvrocks: a Kvrocks reads what the batches hold, writes on top of it, and has nothing left of
// what they replace.
func TestKvrocks(t *testing.T) {
	c, ctx := kvrocks(t), t.Context()
	do := func(args ...any) any {
		v, err := c.Do(ctx, args...).Result()
		if err != nil && err != redis.Nil {
			t.Fatalf("%q: %v", args, err)
		}
		return v
	}
	e := encoder(t)
	records, reads := keysOf(time.Now().Add(time.Hour).UnixMilli())
	for _, r := range records {
		do("DEL", r.Key)
		do("RPUSH", r.Key, "what", "was", "there") // and is replaced
		do("PEXPIRE", r.Key, 10_000_000)
	}
	addAll(e, records...)
	if err := Check(e.Bytes(), namespace, e.Puts(), 0); err != nil {
		t.Fatal(err)
	}
	for range 2 { // sent twice changes nothing
		if size := do("APPLYBATCH", e.Bytes()); size != int64(len(e.Bytes())) {
			t.Fatalf("APPLYBATCH of %d bytes: %v", len(e.Bytes()), size)
		}
		for question, want := range reads {
			if got := do(words(question)...); !reflect.DeepEqual(got, want) {
				t.Errorf("%q: %#v, not %#v", question, got, want)
			}
		}
	}
	for _, want := range []string{"last-generated-id 9-9", "entries-added 7", "max-deleted-entry-id 4-0", "recorded-first-entry-id 1-1"} {
		if got := fmt.Sprint(do("XINFO", "STREAM", "raw:x")); !strings.Contains(strings.ReplaceAll(got, ":", " "), want) {
			t.Errorf("XINFO STREAM raw:x: %s, not %s", got, want)
		}
	}
	do("LPUSH", "raw:l", "0")
	do("RPUSH", "raw:l", "9")
	do("ZADD", "raw:z", "3", "a")
	do("HSET", "raw:h", "f", "w", "g", "x")
	do("XADD", "raw:x", "10-0", "k", "v")
	for question, want := range map[string]any{
		"LRANGE raw:l 0 -1": []any{"0", "a", "", "b", "a", "9"}, "ZSCORE raw:z a": "3", "ZCARD raw:z": int64(7),
		"HLEN raw:h": int64(4), "XLEN raw:x": int64(3),
	} {
		if got := do(words(question)...); !reflect.DeepEqual(got, want) {
			t.Errorf("after ordinary commands, %q: %#v, not %#v", question, got, want)
		}
	}
	for _, r := range records {
		do("DEL", r.Key)
	}
}

// TestCompaction: what a compaction finds of a key in pieces stays.
func TestCompaction(t *testing.T) {
	c := kvrocks(t)
	e := encoder(t)
	const n = 10
	r := format.Record{Kind: format.Set, Key: []byte("raw:pieces")}
	e.Begin(r.Kind, r.Key, 0)
	for i := range n {
		r.Elems = append(r.Elems, []byte{byte(i)})
		e.Reset()
		e.Add(&r, i)
		e.Metadata(nil)
		if err := Check(e.Bytes(), namespace, e.Puts(), i); err != nil {
			t.Fatal(err)
		}
		if err := c.Do(t.Context(), "APPLYBATCH", e.Bytes()).Err(); err != nil {
			t.Fatal(err)
		}
		compact(t, c)
	}
	compact(t, c) // which is answered before it ends: the one before has
	if got := c.SMembers(t.Context(), string(r.Key)).Val(); len(got) != n {
		t.Errorf("%d of %d members", len(got), n)
	}
	c.Del(t.Context(), string(r.Key))
}

// compact has a compaction begin, once none is under way.
func compact(t *testing.T, c *redis.Client) {
	for {
		err := c.Do(t.Context(), "COMPACT").Err()
		if err == nil {
			return
		}
		if !strings.Contains(err.Error(), "in-progress") {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
}

// words returns the arguments of a command, of which only the last may be empty or have spaces.
func words(command string) (args []any) {
	for _, a := range strings.SplitN(command, " ", 4) {
		args = append(args, a)
	}
	return args
}
