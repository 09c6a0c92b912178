package readback

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/testserver"
	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
)

// farFuture is an expiry that no test sees.
const farFuture = 4_102_444_800_000

func b(s string) []byte { return []byte(s) }

func bs(list ...string) [][]byte {
	out := make([][]byte, len(list))
	for i, s := range list {
		out[i] = b(s)
	}
	return out
}

func id(ms, seq uint64) format.StreamID { return format.StreamID{Ms: ms, Seq: seq} }

func ask(t *testing.T, r *Client, qs ...*question.Question) {
	t.Helper()
	if err := r.Ask(t.Context(), qs); err != nil {
		t.Fatal(err)
	}
}

// TestAsk asks a question of every kind from real servers, with bytes that get lost where
// bytes are taken for text.
func TestAsk(t *testing.T) {
	testserver.Each(t, func(t *testing.T, addr string, c *redis.Client) {
		for _, args := range [][]any{
			{"SET", "s", "a\r\n\x00\xffb", "PXAT", int64(farFuture)}, {"SET", "empty", ""}, {"HSET", "h", "", "1", "a", "", "\x00", "\r\n"}, {"RPUSH", "l", "", "a", "b", "c"},
			{"SADD", "set", "", "a"}, {"ZADD", "z", "inf", "", "0.1", "a", "-1e308", "b"},
			{"XADD", "x", "1-1", "", ""}, {"XADD", "x", "1-2", "f", "v"}, {"XADD", "x", "9-0", "f", "v"},
		} {
			if err := c.Do(t.Context(), args...).Err(); err != nil {
				t.Fatal(err)
			}
		}
		r := open(t, addr)
		s := &question.Question{Kind: format.String, Key: b("s"), Head: true, Tail: true, Offset: 1, Size: 3}
		empty := &question.Question{Kind: format.String, Key: b("empty"), Head: true, Tail: true}
		h := &question.Question{Kind: format.Hash, Key: b("h"), Head: true, Tail: true, Elems: bs("", "a", "none", "\x00")}
		l := &question.Question{Kind: format.List, Key: b("l"), Tail: true, Offset: 1, Elems: bs("?", "?")}
		set := &question.Question{Kind: format.Set, Key: b("set"), Tail: true, Elems: bs("", "b")}
		z := &question.Question{Kind: format.Zset, Key: b("z"), Tail: true, Elems: bs("", "a", "none", "b")}
		x := &question.Question{Kind: format.Stream, Key: b("x"), Head: true, Until: id(1, 2), Entries: 2}
		rest := &question.Question{Kind: format.Stream, Key: b("x"), Tail: true, After: id(1, 2), Entries: 1}
		none := &question.Question{Kind: format.Stream, Key: b("none"), Head: true, Tail: true}
		other := &question.Question{Kind: format.Hash, Key: b("l"), Head: true, Tail: true, Elems: bs("a")}
		length := &question.Question{Kind: format.Set, Key: b("set"), Head: true, Tail: true, Length: true}
		whole := func(kind format.Kind, key string, elems ...string) *question.Question {
			return &question.Question{Kind: kind, Key: b(key), Head: true, Tail: true, Elems: bs(elems...)}
		}
		wholeH, wholeSet, wholeZ, turned := whole(format.Hash, "h", "", "\x00", "a"), whole(format.Set, "set", "", "a"), whole(format.Zset, "z", "", "a", "b"), whole(format.Zset, "z", "b", "a", "")
		more, less, gone := whole(format.Set, "set", "", "a", "b"), whole(format.Hash, "h", "a"), whole(format.Zset, "none", "a")
		ask(t, r, s, empty, h, l, set, z, x, rest, none, other, length, wholeH, wholeSet, wholeZ, turned, more, less, gone)
		for _, c := range []struct{ got, want any }{
			{s.Values, []string{"\r\n\x00\xff"}}, {s.Expire, int64(farFuture)}, {s.Type, ""},
			{empty.Values, []string{""}}, {empty.Type, ""},
			{h.Values, []string{"1", "", "", "\r\n"}}, {h.Found, []bool{true, true, false, true}}, {h.Total, int64(3)}, {h.Expire, int64(0)},
			{l.Values, []string{"a", "b"}}, {l.Total, int64(4)}, {set.Found, []bool{true, false}}, {set.Total, int64(2)},
			{z.Found, []bool{true, true, false, true}}, {z.Scores, []float64{math.Inf(1), 0.1, 0, -1e308}}, {z.Total, int64(3)},
			{x.IDs, []format.StreamID{id(1, 1), id(1, 2)}}, {x.Fields, [][]string{{"", ""}, {"f", "v"}}}, {rest.IDs, []format.StreamID{id(9, 0)}},
			{*rest.State, format.StreamState{LastID: id(9, 0), EntriesAdded: 3}}, {none.Type, question.TypeNone}, {other.Type, "list"}, {length.Total, int64(2)},
			{wholeH.Values, []string{"1", "\r\n", ""}}, {wholeH.Found, []bool{true, true, true}}, {wholeH.Total, int64(3)}, {wholeH.Expire, int64(0)},
			{wholeSet.Found, []bool{true, true}}, {wholeSet.Total, int64(2)},
			{wholeZ.Scores, []float64{math.Inf(1), 0.1, -1e308}}, {wholeZ.Found, []bool{true, true, true}}, {turned.Scores, []float64{-1e308, 0.1, math.Inf(1)}},
			{more.Found, []bool{true, true, false}}, {more.Total, int64(2)}, {less.Values, []string{""}}, {less.Total, int64(3)}, {gone.Type, question.TypeNone},
		} {
			if fmt.Sprintf("%#v", c.got) != fmt.Sprintf("%#v", c.want) {
				t.Errorf("%#v, want %#v", c.got, c.want)
			}
		}
		var names []string
		if err := r.Scan(t.Context(), func(page []string) error { names = append(names, page...); return nil }); err != nil {
			t.Fatal(err)
		}
		if slices.Sort(names); !slices.Equal(names, []string{"empty", "h", "l", "s", "set", "x", "z"}) {
			t.Errorf("%q", names)
		}
	})
}

// TestReadOldKvrocks: before 2.8 an expiry comes of PTTL and TIME, and empty values of a
// stream are nil.
func TestReadOldKvrocks(t *testing.T) {
	f := testserver.Start(t, func(cmd []string) (string, bool) {
		switch strings.Join(cmd[:min(2, len(cmd))], " ") {
		case "INFO server":
			return testserver.Bulk(strings.ReplaceAll(testserver.InfoKvrocks, "2.10.1", "2.6.0")), true
		case "TIME":
			return "*2\r\n$10\r\n1900000000\r\n$6\r\n400000\r\n", true
		case "PTTL k":
			return ":99601\r\n", true
		case "PTTL gone":
			return ":-2\r\n", true
		case "TYPE k", "TYPE gone":
			return "+string\r\n", true
		case "STRLEN k":
			return ":7\r\n", true
		case "STRLEN gone":
			return ":0\r\n", true
		case "GETRANGE k", "GETRANGE gone":
			return "$-1\r\n", true
		case "ZMSCORE z":
			return "*3\r\n$8\r\n$2\r\n-0\r\n\r\n$5\r\n$-1\r\n\r\n$3\r\n1.5\r\n", true
		case "XRANGE x":
			return "*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nf\r\n$-1\r\n", true
		}
		return "", cmd[0] == "PEXPIRETIME"
	})
	r := open(t, f.Addr)
	k := &question.Question{Kind: format.String, Key: b("k"), Head: true, Tail: true}
	gone := &question.Question{Kind: format.String, Key: b("gone"), Head: true, Tail: true}
	z := &question.Question{Kind: format.Zset, Key: b("z"), Elems: bs("a", "b", "c")}
	x := &question.Question{Kind: format.Stream, Key: b("x"), Until: id(1, 1), Entries: 1}
	ask(t, r, k, gone, z, x)
	if k.Expire != 1_900_000_100_000 || k.Type != "" || k.Values[0] != "" {
		t.Errorf("%+v", k)
	}
	if gone.Type != question.TypeNone {
		t.Errorf("%+v", gone)
	}
	if !slices.Equal(z.Found, []bool{true, false, true}) || !math.Signbit(z.Scores[0]) || z.Scores[2] != 1.5 {
		t.Errorf("%+v", z)
	}
	if len(x.Fields) != 1 || !slices.Equal(x.Fields[0], []string{"f", ""}) {
		t.Errorf("%+v", x)
	}
	if r.target.KeepsMilliseconds() {
		t.Error("2.6 keeps seconds")
	}
	v := New(r.target, 0, nil)
	defer v.Close()
	looks, err := v.Info(t.Context(), bs("k", "gone"))
	if err != nil || looks[0] != (KeyInfo{format.String, "string", 7, 1_900_000_100_000}) || looks[1] != (KeyInfo{Type: "none"}) {
		t.Errorf("%+v, %v", looks, err)
	}
}

// TestScanLost: a Kvrocks whose cursor was lost begins anew, which is noticed.
func TestScanLost(t *testing.T) {
	f := testserver.Start(t, func(cmd []string) (string, bool) {
		switch strings.Join(cmd[:min(2, len(cmd))], " ") {
		case "INFO server":
			return testserver.Bulk(testserver.InfoKvrocks), true
		case "SCAN 0":
			return "*2\r\n$1\r\n7\r\n*2\r\n$-1\r\n$1\r\na\r\n", true
		case "SCAN 7":
			return "*2\r\n$1\r\n9\r\n*2\r\n$1\r\nb\r\n$1\r\nc\r\n", true
		case "SCAN 9":
			return "*2\r\n$1\r\n7\r\n*2\r\n$-1\r\n$1\r\na\r\n", true
		}
		return "", false
	})
	r := open(t, f.Addr)
	var names []string
	err := r.Scan(t.Context(), func(page []string) error { names = append(names, page...); return nil })
	if !errors.Is(err, errLostCursor) || strings.Join(names, ",") != ",a,b,c" {
		t.Errorf("%q, %v", names, err)
	}
}

// TestReadPage: a small collection is read in one page of a scan where that is its whole, and by
// name in all other cases, whatever the server says of the rest.
func TestReadPage(t *testing.T) {
	for name, c := range map[string]struct {
		version, page string
		byName        bool
	}{
		"equal":              {"2.10.1", "*2\r\n$1\r\n0\r\n*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$-1\r\n", false},
		"more to come":       {"2.10.1", "*2\r\n$2\r\n17\r\n*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$0\r\n\r\n", true},
		"more, and says end": {"2.10.1", "*2\r\n$1\r\n0\r\n*6\r\n$1\r\n0\r\n$1\r\n1\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$0\r\n\r\n", true},
		"fewer":              {"2.10.1", "*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n", true},
		"other":              {"2.10.1", "*2\r\n$1\r\n0\r\n*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nc\r\n$1\r\n2\r\n", true},
		"another order":      {"2.10.1", "*2\r\n$1\r\n0\r\n*4\r\n$1\r\nb\r\n$0\r\n\r\n$1\r\na\r\n$1\r\n1\r\n", true},
		"an old Kvrocks":     {"2.9.0", "", true},
	} {
		f := testserver.Start(t, func(cmd []string) (string, bool) {
			switch cmd[0] {
			case "INFO":
				return testserver.Bulk(strings.ReplaceAll(testserver.InfoKvrocks, "2.10.1", c.version)), cmd[1] == "server"
			case "PEXPIRETIME":
				return ":-1\r\n", true
			case "HSCAN":
				if want := []string{"HSCAN", "h", "0", "COUNT", "3"}; !slices.Equal(cmd, want) || c.page == "" {
					t.Errorf("%s: %q", name, cmd)
				}
				return c.page, true
			case "HMGET":
				if !c.byName {
					t.Errorf("%s: %q", name, cmd)
				}
				return "*2\r\n$1\r\n1\r\n$0\r\n\r\n", true
			case "HLEN":
				return ":2\r\n", true
			}
			return "", false
		})
		h := &question.Question{Kind: format.Hash, Key: b("h"), Head: true, Tail: true, Elems: bs("a", "b")}
		ask(t, open(t, f.Addr), h)
		if !slices.Equal(h.Values, []string{"1", ""}) || !slices.Equal(h.Found, []bool{true, true}) || h.Total != 2 {
			t.Errorf("%s: %+v", name, h)
		}
	}
	f := testserver.Start(t, func(cmd []string) (string, bool) {
		switch strings.Join(cmd[:min(2, len(cmd))], " ") {
		case "INFO server":
			return testserver.Bulk(testserver.InfoKvrocks), true
		case "PEXPIRETIME z", "ZCARD z":
			return ":1\r\n", true
		case "ZSCAN z":
			return "*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$1\r\nx\r\n", true
		}
		return "", false
	})
	err := open(t, f.Addr).Ask(t.Context(), []*question.Question{{Kind: format.Zset, Key: b("z"), Head: true, Tail: true, Elems: bs("a")}})
	if err == nil || !strings.Contains(err.Error(), "ZSCAN") {
		t.Errorf("a score that is none: %v", err)
	}
}

// TestTouch: a Kvrocks is asked for an element of one in many keys that it goes through, and
// whatever it says of that changes nothing.
func TestTouch(t *testing.T) {
	for kind, c := range map[format.Kind]struct{ touch, whole string }{
		format.List: {"LINDEX", "*1\r\n$1\r\na\r\n"}, format.Hash: {"HMGET", "*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$1\r\na\r\n"},
		format.Set: {"SMISMEMBER", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n"}, format.Zset: {"ZMSCORE", "*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n"},
	} {
		touches := 0
		f := testserver.Start(t, func(cmd []string) (string, bool) {
			switch cmd[0] {
			case "INFO":
				return testserver.Bulk(testserver.InfoKvrocks), cmd[1] == "server"
			case "PEXPIRETIME":
				return ":-1\r\n", true
			case "LRANGE", "HSCAN", "SSCAN", "ZSCAN":
				return c.whole, true
			case c.touch:
				touches++
				return "-ERR what\r\n", true
			}
			return "", false
		})
		var qs []*question.Question
		for range 32 {
			qs = append(qs, &question.Question{Kind: kind, Key: b(strings.Repeat("n", 1000)), Head: true, Tail: true, Elems: bs("a")})
		}
		ask(t, open(t, f.Addr), qs...)
		for _, q := range qs {
			if q.Total != 1 || len(q.Values)+len(q.Found) == 0 {
				t.Errorf("%s: %+v", kind, q)
			}
		}
		if touches != 4 {
			t.Errorf("%s: %d touches of 32 keys", kind, touches)
		}
	}
}

// TestReadRefused: a reply that no target gives stops the reading and is told.
func TestReadRefused(t *testing.T) {
	for _, c := range []struct {
		reply, says string
		is          error
	}{
		{"-ERR something else\r\n", "something else", nil}, {"-NOAUTH Authentication required.\r\n", "NOAUTH", conn.ErrAuth},
		{"-LOADING x\r\n", "LOADING", conn.ErrTransient},
		{"*1\r\n$1\r\na\r\n", "HMGET", nil}, {"+OK\r\n", "HMGET", nil}, {"", "closed the connection", conn.ErrTransient},
	} {
		f := testserver.Start(t, func(cmd []string) (string, bool) {
			if cmd[0] == "PEXPIRETIME" {
				return ":-1\r\n", true
			}
			return c.reply, cmd[0] == "HMGET"
		})
		err := open(t, f.Addr).Ask(t.Context(), []*question.Question{{Kind: format.Hash, Key: b("h"), Head: true, Elems: bs("a", "b")}})
		if err == nil || !strings.Contains(err.Error(), c.says) || errors.Is(err, conn.ErrAuth) != (c.is == conn.ErrAuth) || errors.Is(err, conn.ErrTransient) != (c.is == conn.ErrTransient) {
			t.Errorf("%q: %v", c.reply, err)
		}
	}
}

// TestOutOfStep: a connection that brought more than was asked for answers nothing else.
func TestOutOfStep(t *testing.T) {
	for _, first := range []string{":7\r\n:8\r\n", "?\r\n:8\r\n"} {
		replies := []string{first, ":3\r\n"}
		f := testserver.Start(t, func(cmd []string) (string, bool) {
			if cmd[0] != "SCARD" || len(replies) == 0 {
				return "", false
			}
			reply := replies[0]
			replies = replies[1:]
			return reply, true
		})
		c := open(t, f.Addr)
		q := &question.Question{Kind: format.Set, Key: b("s"), Length: true}
		if err := c.Ask(t.Context(), []*question.Question{q}); !errors.Is(err, resp.ErrReply) {
			t.Errorf("%q: %v", first, err)
		}
		if ask(t, c, q); q.Total != 3 {
			t.Errorf("%q: then %d members", first, q.Total)
		}
	}
}

// TestAskTooLong: elements that are longer than the target takes are not sent, and are not there.
func TestAskTooLong(t *testing.T) {
	f := testserver.Start(t, func(cmd []string) (string, bool) {
		list := func(item string) (string, bool) {
			if slices.ContainsFunc(cmd[2:], func(arg string) bool { return len(arg) > 4 }) {
				t.Errorf("%q is sent", cmd)
			}
			return fmt.Sprintf("*%d\r\n", len(cmd)-2) + strings.Repeat(item, len(cmd)-2), true
		}
		switch cmd[0] {
		case "INFO":
			return testserver.Bulk(strings.ReplaceAll(testserver.InfoKvrocks, "2.10.1", "2.9.0")), cmd[1] == "server"
		case "CONFIG":
			return "*2\r\n" + testserver.Bulk("proto-max-bulk-len") + testserver.Bulk("4"), true
		case "PEXPIRETIME":
			return ":-1\r\n", true
		case "HLEN", "SCARD", "ZCARD":
			return ":3\r\n", true
		case "HMGET":
			return list("$1\r\nv\r\n")
		case "SMISMEMBER":
			return list(":1\r\n")
		case "ZMSCORE":
			return list("$1\r\n7\r\n")
		}
		return "", false
	})
	r := open(t, f.Addr)
	for _, kind := range []format.Kind{format.Hash, format.Set, format.Zset} {
		elems, there := bs("long1", "a", "", "long2", "b"), []bool{false, true, true, false, true}
		q := &question.Question{Kind: kind, Key: b("k"), Head: true, Tail: true, Elems: slices.Clone(elems)}
		none := &question.Question{Kind: kind, Key: b("n"), Head: true, Tail: true, Elems: bs("long1", "long2")}
		ask(t, r, q, none)
		if !slices.Equal(q.Found, there) || !slices.EqualFunc(q.Elems, elems, slices.Equal) || !strings.Contains(q.Unasked, "5 bytes") || q.Total != 3 {
			t.Errorf("%s: %+v", kind, q)
		}
		for i := range elems {
			if kind == format.Hash && (q.Values[i] == "v") != there[i] || kind == format.Zset && (q.Scores[i] == 7) != there[i] {
				t.Errorf("%s: element %d: %+v", kind, i, q)
			}
		}
		if !slices.Equal(none.Found, []bool{false, false}) || len(none.Elems) != 2 || none.Unasked == "" {
			t.Errorf("%s: %+v", kind, none)
		}
	}
}
