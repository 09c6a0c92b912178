package readback

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/testserver"
	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
)

// text asks for a whole string of so many bytes.
func text(key string, size int) *question.Question {
	return &question.Question{Kind: format.String, Key: b(key), Head: true, Tail: true, Size: size}
}

// TestTogether: what MGET does not tell apart, or answers too much of, is told as by GETRANGE.
func TestTogether(t *testing.T) {
	testserver.Each(t, func(t *testing.T, addr string, c *redis.Client) {
		for _, args := range [][]any{
			{"SET", "a", "1234"}, {"SET", "b", "12345678", "PXAT", int64(farFuture)}, {"SET", "short", "1"},
			{"SET", "empty", ""}, {"RPUSH", "list", "x"}, {"SET", "last", "\r\n\x00\xff"},
		} {
			if err := c.Do(t.Context(), args...).Err(); err != nil {
				t.Fatal(err)
			}
		}
		r := open(t, addr)
		qs := []*question.Question{text("a", 4), text("b", 4), text("short", 4), text("none", 4), text("empty", 4),
			text("list", 4), text("empty", 0), text("none", 0), text("last", 4)}
		for range 70 { // above one MGET
			qs = append(qs, text("a", 4))
		}
		ask(t, r, qs...)
		for i, want := range []string{`["1234"] "" 0`, `["12345"] "" 4102444800000`, `["1"] "" 0`, `[] "none" 0`, `[""] "" 0`,
			`[] "list" 0`, `[""] "" 0`, `[""] "none" 0`, `["\r\n\x00\xff"] "" 0`} {
			q := qs[i]
			if got := fmt.Sprintf("%q %q %d", q.Values, q.Type, q.Expire); got != want && q.Type != question.TypeNone ||
				q.Type == question.TypeNone && !strings.Contains(want, `"none"`) {
				t.Errorf("%s: %s, want %s", q.Key, got, want)
			}
		}
		for _, q := range qs[9:] {
			if !slices.Equal(q.Values, []string{"1234"}) || q.Type != "" || q.Expire != 0 {
				t.Fatalf("%+v", q)
			}
		}
	})
}

// TestTogetherOtherwise: a target that does not answer MGET as it should is asked for each by
// itself; a reply that passes the limit is not held.
func TestTogetherOtherwise(t *testing.T) {
	large := strings.Repeat("x", togetherLimit+8)
	for name, c := range map[string]struct {
		mget         string
		mgets, getrs int // of two calls of two questions each
		is           error
	}{
		"answered":   {"*2\r\n$1\r\nv\r\n$1\r\nv\r\n", 2, 0, nil},
		"nil":        {"*2\r\n$-1\r\n$1\r\nv\r\n", 2, 2, nil},
		"forbidden":  {"-NOPERM this user has no permissions to run the 'mget' command\r\n", 1, 4, nil},
		"unknown":    {"-ERR unknown command\r\n", 1, 4, nil},
		"far longer": {"*2\r\n$1\r\nv\r\n$" + strconv.Itoa(len(large)) + "\r\n" + large + "\r\n", 2, 4, nil},
		"loading":    {"-LOADING x\r\n", 1, 0, conn.ErrTransient},
		"too few":    {"*1\r\n$1\r\nv\r\n", 1, 0, errAny},
		"a number":   {"*2\r\n:1\r\n:1\r\n", 1, 0, errAny},
	} {
		counts := map[string]int{}
		f := testserver.Start(t, func(cmd []string) (string, bool) {
			counts[cmd[0]]++
			switch cmd[0] {
			case "PEXPIRETIME":
				return ":-1\r\n", true
			case "MGET":
				return c.mget, true
			case "GETRANGE":
				return "$1\r\nv\r\n", true
			}
			return "", false
		})
		r := open(t, f.Addr)
		var err error
		for range 2 {
			qs := []*question.Question{text("a", 1), text("b", 1)}
			if err = r.Ask(t.Context(), qs); err != nil {
				break
			}
			for _, q := range qs {
				if !slices.Equal(q.Values, []string{"v"}) || q.Type != "" {
					t.Errorf("%s: %+v", name, q)
				}
			}
		}
		if errors.Is(c.is, errAny) && err == nil || !errors.Is(c.is, errAny) && !errors.Is(err, c.is) {
			t.Errorf("%s: %v", name, err)
		}
		f.Do(func() { // what is behind an error in a pipeline may still be answered
			if counts["MGET"] != c.mgets || counts["GETRANGE"] != c.getrs {
				t.Errorf("%s: %v", name, counts)
			}
		})
	}
}

// errAny is any error.
var errAny = errors.New("any")

// TestWholeList: LLEN is asked for only when there are more elements than were asked for.
func TestWholeList(t *testing.T) {
	testserver.Each(t, func(t *testing.T, addr string, c *redis.Client) {
		if err := c.RPush(t.Context(), "l", "a", "b", "c").Err(); err != nil {
			t.Fatal(err)
		}
		list := func(key string, n int) *question.Question {
			return &question.Question{Kind: format.List, Key: b(key), Head: true, Tail: true, Elems: bs(slices.Repeat([]string{"?"}, n)...)}
		}
		exact, fewer, more, none := list("l", 3), list("l", 5), list("l", 1), list("none", 1)
		ask(t, open(t, addr), exact, fewer, more, none)
		for _, q := range []*question.Question{exact, fewer, more} {
			if want := []string{"a", "b", "c"}[:min(3, len(q.Elems))]; q.Total != 3 || !slices.Equal(q.Values, want) {
				t.Errorf("%d: %+v", len(q.Elems), q)
			}
		}
		if none.Type != question.TypeNone {
			t.Errorf("%+v", none)
		}
	})
}
