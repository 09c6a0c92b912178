package readback

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/tidwall/redcon"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/testserver"
	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
)

// TestLineNames: keys of all names are found, alone and among those that can stand in a line.
func TestLineNames(t *testing.T) {
	testserver.Each(t, func(t *testing.T, addr string, c *redis.Client) {
		var qs []*question.Question
		for _, name := range []string{"a", "", "b c", "*1", "$1", "d\r\n", "\xffe", `"f"`, "'g", "h\x00", "i", strings.Repeat("j", resp.LineBytes), strings.Repeat("k", 4000)} {
			if err := c.Do(t.Context(), "SET", name, "v-"+name, "PXAT", int64(farFuture)).Err(); err != nil {
				t.Fatal(err)
			}
			if err := c.Do(t.Context(), "HSET", "h"+name, "f", name).Err(); err != nil {
				t.Fatal(err)
			}
			qs = append(qs, text(name, len("v-"+name)))
			qs = append(qs, &question.Question{Kind: format.Hash, Key: b("h" + name), Head: true, Tail: true, Elems: bs("f")})
		}
		for _, q := range qs { // one by one, and together
			ask(t, open(t, addr), q)
		}
		ask(t, open(t, addr), qs...)
		for _, q := range qs {
			want, expire := "v-"+string(q.Key), int64(farFuture)
			if q.Kind == format.Hash {
				want, expire = string(q.Key[1:]), 0
			}
			if len(q.Values) != 1 || q.Values[0] != want || q.Expire != expire || q.Type != "" {
				t.Errorf("%.20q: %.40q %d %s", q.Key, q.Values, q.Expire, q.Type)
			}
		}
	})
}

// TestLineForm: what can stand in a line does, if the target takes lines.
func TestLineForm(t *testing.T) {
	for _, c := range []struct {
		lines bool
		keys  []string
		want  string
	}{
		{true, []string{"a", "b"}, "MGET a b"}, {false, []string{"a"}, "*2\r\n"}, {true, []string{"a", "b c"}, "*3\r\n"},
		{true, []string{""}, "*2\r\n"}, {true, []string{strings.Repeat("a", resp.LineBytes)}, "*2\r\n"},
	} {
		r := &Client{lines: c.lines}
		r.beginPlain("MGET", bs(c.keys...)...)
		r.end(0, nil)
		var out net.Buffers
		if got := bytes.Join(r.encoder.AppendTo(out, r.calls[0].Request), nil); !bytes.HasPrefix(got, b(c.want)) || r.calls[0].Name != "MGET" {
			t.Errorf("%v: %.30q, want %q", c.lines, got, c.want)
		}
	}
}

// TestLineRefused: what stands before a Kvrocks may not know lines, and close the connection.
func TestLineRefused(t *testing.T) {
	for reply, lines := range map[string]bool{"": false, "-ERR unknown\r\n": false, "+PONG\r\n": true} {
		f := testserver.Start(t, func(cmd []string) (string, bool) {
			switch cmd[0] {
			case "PEXPIRETIME":
				return ":-2\r\n", true
			case "GETRANGE":
				return "$0\r\n\r\n", true
			}
			return "", false
		})
		var asked atomic.Int64
		r := open(t, before(t, f.Addr, reply, &asked))
		for range 2 {
			q := text("none", 1)
			if ask(t, r, q); q.Type != question.TypeNone || r.lines != lines {
				t.Errorf("%q: lines %v, %+v", reply, r.lines, q)
			}
			r.lose()
		}
		if n := asked.Load(); n != 1 {
			t.Errorf("%q: tried %d times", reply, n)
		}
	}
}

// before stands before a server that knows no lines, and answers a PING in one; "": it closes the
// connection. Other lines it takes apart.
func before(t *testing.T, addr, reply string, asked *atomic.Int64) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	serve := func(c net.Conn) {
		defer c.Close()
		server, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		defer server.Close()
		go func() { _, _ = io.Copy(c, server) }()
		buf := make([]byte, 64<<10)
		for {
			n, err := c.Read(buf)
			switch text := string(buf[:n]); {
			case err != nil:
				return
			case strings.HasPrefix(text, "*"):
				_, _ = io.WriteString(server, text)
			case !strings.HasPrefix(text, "PING"):
				for line := range strings.Lines(text) {
					_, _ = server.Write(redcon.AppendAny(nil, strings.Fields(line)))
				}
			case asked.Add(1) > 0 && reply == "":
				return
			default:
				_, _ = io.WriteString(c, reply)
			}
		}
	}
	go func() {
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			go serve(c)
		}
	}()
	return l.Addr().String()
}
