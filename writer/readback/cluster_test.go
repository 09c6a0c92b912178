package readback

import (
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/testserver"
	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// TestCluster: a Client follows the slots of a cluster.
func TestCluster(t *testing.T) {
	var other atomic.Pointer[string]
	fc := testserver.StartCluster(t, 2, func(node int, cmd []string) (string, bool) {
		switch {
		case cmd[0] == "SCAN":
			return "*2\r\n$1\r\n0\r\n*1\r\n" + testserver.Bulk("on "+strconv.Itoa(node)), true
		case node == 0 && len(cmd) > 1 && cmd[1] == "bar":
			return "-MOVED 5061 " + *other.Load() + "\r\n", true
		case cmd[0] == "GETRANGE":
			return testserver.Bulk("value"), true
		case cmd[0] == "TYPE":
			return "+string\r\n", true
		case cmd[0] == "STRLEN", cmd[0] == "PEXPIRETIME":
			return ":5\r\n", true
		}
		return "", false
	})
	other.Store(&fc.Nodes[1].Addr)
	l, err := target.Open(t.Context(), target.Options{Addr: fc.Nodes[0].Addr})
	if err != nil {
		t.Fatal(err)
	}
	r := New(l, 0, nil)
	defer r.Close()
	p := &question.Question{Kind: format.String, Key: b("bar"), Size: 5, Head: true, Tail: true}
	ask(t, r, p)
	if p.Values[0] != "value" || p.Expire != 5 {
		t.Errorf("%+v", p)
	}
	var names []string
	if err := r.Scan(t.Context(), func(page []string) error { names = append(names, page...); return nil }); err != nil || len(names) != 2 {
		t.Errorf("%q, %v", names, err)
	}
	looks, err := r.Info(t.Context(), bs("bar", "foo"))
	if err != nil || looks[0].Length != 5 || looks[1].Kind != format.String {
		t.Errorf("%+v, %v", looks, err)
	}
	if n, more, err := l.Count(t.Context(), 1, 0); n != 1 || !more || err != nil {
		t.Errorf("%d keys, more %v, %v", n, more, err)
	}
	if l.Redirected() == 0 {
		t.Error("nothing was redirected")
	}
}
