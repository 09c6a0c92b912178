package writer

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// edges are the bytes that get lost where bytes are taken for text.
var edges = []string{"", "\x00", "a\r\nb", "\xff\xfe", "$-1\r\n", "*0\r\n", "é", " ", "\x00\x00", strings.Repeat("x", 70_000)}

// readBack writes what the server holds of a key as text that can be compared.
func readBack(t *testing.T, c *redis.Client, key string) string {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		if err != nil {
			t.Fatalf("read %q: %v", key, err)
		}
	}
	kind, err := c.Type(ctx, key).Result()
	must(err)
	expire, err := c.Do(ctx, "PEXPIRETIME", key).Int64()
	must(err)
	head := fmt.Sprintf("%s %d ", kind, expire)
	switch kind {
	case "string":
		v, err := c.Get(ctx, key).Result()
		must(err)
		return head + strconv.Quote(v)
	case "hash":
		m, err := c.HGetAll(ctx, key).Result()
		must(err)
		return head + fmt.Sprintf("%q", m)
	case "list":
		l, err := c.LRange(ctx, key, 0, -1).Result()
		must(err)
		return head + fmt.Sprintf("%q", l)
	case "set":
		l, err := c.SMembers(ctx, key).Result()
		must(err)
		slices.Sort(l)
		return head + fmt.Sprintf("%q", l)
	case "zset":
		l, err := c.ZRangeWithScores(ctx, key, 0, -1).Result()
		must(err)
		var out []string
		for _, z := range l {
			out = append(out, fmt.Sprintf("%q=%v", z.Member, z.Score))
		}
		slices.Sort(out)
		return head + strings.Join(out, " ")
	case "stream":
		l, err := c.XRange(ctx, key, "-", "+").Result()
		must(err)
		var out []string
		for _, e := range l {
			out = append(out, fmt.Sprintf("%s%q", e.ID, e.Values))
		}
		i, err := c.Do(ctx, "XINFO", "STREAM", key).Slice()
		must(err)
		for j := 0; j+1 < len(i); j += 2 {
			if slices.Contains([]any{"length", "last-generated-id", "max-deleted-entry-id", "entries-added"}, i[j]) {
				out = append(out, fmt.Sprintf("%v=%v", i[j], i[j+1]))
			}
		}
		return head + strings.Join(out, " ")
	}
	return head
}

// wanted writes a record as readBack does.
func wanted(r *format.Record) string {
	expire := r.Expire
	if expire == 0 {
		expire = -1
	}
	head := fmt.Sprintf("%s %d ", r.Kind, expire)
	var elems []string
	for _, e := range r.Elems {
		elems = append(elems, string(e))
	}
	switch r.Kind {
	case format.String:
		return head + strconv.Quote(string(r.Value))
	case format.Hash:
		m := make(map[string]string)
		for i := 0; i < len(elems); i += 2 {
			m[elems[i]] = elems[i+1]
		}
		return head + fmt.Sprintf("%q", m)
	case format.List:
		return head + fmt.Sprintf("%q", elems)
	case format.Set:
		slices.Sort(elems)
		return head + fmt.Sprintf("%q", elems)
	case format.Zset:
		var out []string
		for i := range elems {
			out = append(out, fmt.Sprintf("%q=%v", elems[i], r.Scores[i]))
		}
		slices.Sort(out)
		return head + strings.Join(out, " ")
	case format.Stream:
		var out []string
		for _, e := range r.Entries {
			m := make(map[string]string)
			for i := 0; i < len(e.Fields); i += 2 {
				m[string(e.Fields[i])] = string(e.Fields[i+1])
			}
			out = append(out, fmt.Sprintf("%s%q", e.ID, m))
		}
		out = append(out, fmt.Sprintf("length=%d", len(r.Entries)), "last-generated-id="+r.State.LastID.String(),
			"max-deleted-entry-id="+r.State.Deleted().String(), fmt.Sprintf("entries-added=%d", r.State.EntriesAdded))
		return head + strings.Join(out, " ")
	}
	return head
}

// oneOfEach is a key of every kind and of every edge.
func oneOfEach() []format.Record {
	var list []format.Record
	for i, e := range edges {
		list = append(list, str("s"+e, e, 0), str("t"+e, e, farFuture+int64(i)))
	}
	list = append(list, str("", "empty key", 0))
	var pairs, members []string
	var scores []float64
	usual := []float64{0, 1, -1, 0.1, math.Inf(1), math.Inf(-1), math.MaxFloat64, 0x1p-1022, 1.0 / 3, 9007199254740993}
	for i, e := range edges {
		pairs = append(pairs, e, edges[len(edges)-1-i])
		members = append(members, e)
		scores = append(scores, usual[i])
	}
	for _, expire := range []int64{0, farFuture} {
		s := strconv.FormatInt(expire, 10)
		list = append(list,
			expiring(whole(format.Hash, "hash\x00"+s, pairs...), expire),
			expiring(whole(format.List, "list\r\n"+s, append(members, members...)...), expire),
			expiring(whole(format.Set, "set\xff"+s, members...), expire),
			expiring(zset("zset"+s, scores, members...), expire),
			expiring(format.Record{Kind: format.Stream, Key: b("stream" + s), Part: format.PartWhole,
				Entries: []format.Entry{{ID: id(1, 1), Fields: bs("a", "\x00", "b\r\n", "\xff")}, {ID: id(1<<40, 7), Fields: bs("c", "d")}},
				State:   &format.StreamState{LastID: id(1<<41, 0), MaxDeletedID: id(1<<41, 5), EntriesAdded: 9}}, expire),
			expiring(format.Record{Kind: format.Stream, Key: b("empty stream" + s), Part: format.PartWhole,
				State: &format.StreamState{LastID: id(9, 1), MaxDeletedID: id(9, 1), EntriesAdded: 3}}, expire),
			expiring(format.Record{Kind: format.Stream, Key: b("trimmed stream" + s), Part: format.PartWhole,
				State: &format.StreamState{LastID: id(9, 1), EntriesAdded: 3}}, expire),
			expiring(format.Record{Kind: format.Stream, Key: b("new stream" + s), Part: format.PartWhole, State: &format.StreamState{}}, expire),
		)
	}
	return list
}

// large is a key of every kind, cut into parts, of many pieces.
func large() []format.Record {
	const n = 2000
	var pairs, members []string
	var scores []float64
	var entries []format.Entry
	for i := range n {
		m := fmt.Sprintf("member\x00%06d", i)
		pairs = append(pairs, m, strconv.Itoa(i))
		members = append(members, m)
		scores = append(scores, float64(i)/3)
		entries = append(entries, format.Entry{ID: id(uint64(i+1), 0), Fields: bs(m, "v")})
	}
	var list []format.Record
	for _, expire := range []int64{0, farFuture} {
		s := strconv.FormatInt(expire, 10)
		list = append(list,
			expiring(whole(format.Hash, "large hash"+s, pairs...), expire),
			expiring(whole(format.List, "large list"+s, members...), expire),
			expiring(whole(format.Set, "large set"+s, members...), expire),
			expiring(zset("large zset"+s, scores, members...), expire),
			expiring(format.Record{Kind: format.Stream, Key: b("large stream" + s), Part: format.PartWhole, Entries: entries,
				State: &format.StreamState{LastID: id(n, 0), EntriesAdded: n}}, expire),
			expiring(str("large string"+s, strings.Repeat("0123456789\r\n", 50_000), 0), expire),
		)
	}
	return list
}

// cut returns r in parts.
func cut(r format.Record, count int) []format.Record {
	var out []format.Record
	part := func(n, i int) (int, int) { return n * i / count, n * (i + 1) / count }
	for i := range count {
		p := r
		p.Part, p.State = 0, nil
		if i == 0 {
			p.Part |= format.PartFirst
		}
		if i == count-1 {
			p.Part |= format.PartLast
			p.State = r.State
		}
		stride := 1
		if r.Kind == format.Hash {
			stride = 2
		}
		from, to := part(len(r.Elems)/stride, i)
		p.Elems = r.Elems[from*stride : to*stride]
		from, to = part(len(r.Scores), i)
		p.Scores = r.Scores[from:to]
		from, to = part(len(r.Entries), i)
		p.Entries = r.Entries[from:to]
		from, to = part(len(r.Value), i)
		p.Value = r.Value[from:to]
		out = append(out, p)
	}
	return out
}

func compare(t *testing.T, c *redis.Client, r *format.Record) {
	t.Helper()
	got, want := readBack(t, c, string(r.Key)), wanted(r)
	if got != want {
		t.Errorf("%.40q is\n  %.300s\nwant\n  %.300s", r.Key, got, want)
	}
}
