package writer

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/testserver"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// TestRedirected: what a cluster of two nodes answers once, and where the command goes then. The
// key bar is on the first node.
func TestRedirected(t *testing.T) {
	list := whole(format.List, "bar", "a", "b")
	for name, tc := range map[string]struct {
		reply string // SECOND: the address of the second node
		times int
		want  [2][]string
	}{
		"moved":        {"-MOVED 5061 SECOND\r\n", 1, [2][]string{{"RPUSH bar a b"}, {"RPUSH bar a b"}}},
		"moved, 2.6":   {"-ERR MOVED 5061 SECOND\r\n", 1, [2][]string{{"RPUSH bar a b"}, {"RPUSH bar a b"}}},
		"ask":          {"-ASK 5061 SECOND\r\n", 1, [2][]string{{"RPUSH bar a b"}, {"ASKING", "RPUSH bar a b"}}},
		"try again":    {"-TRYAGAIN Can't write to slot being migrated which is in write forbidden phase\r\n", 3, [2][]string{slices.Repeat([]string{"RPUSH bar a b"}, 4), nil}},
		"cluster down": {"-CLUSTERDOWN Hash slot not served\r\n", 2, [2][]string{slices.Repeat([]string{"RPUSH bar a b"}, 3), nil}},
		"read only":    {"-READONLY You can't write against a read only slave.\r\n", 1, [2][]string{{"RPUSH bar a b", "RPUSH bar a b"}, nil}},
	} {
		t.Run(name, func(t *testing.T) {
			left := tc.times
			var second atomic.Value // its address
			fc := testserver.StartCluster(t, 2, func(node int, cmd []string) (string, bool) {
				if cmd[0] == "ASKING" {
					return "+OK\r\n", true
				}
				if node == 0 && cmd[0] == "RPUSH" && left > 0 {
					left--
					return strings.Replace(tc.reply, "SECOND", second.Load().(string), 1), true
				}
				return "", false
			})
			second.Store(fc.Nodes[1].Addr)
			s, _ := mustLoad(t, Options{Target: target.Options{Addr: fc.Nodes[1].Addr}}, list)
			if s.Keys != 1 || s.Elements != 2 {
				t.Errorf("%+v", s)
			}
			for n := range 2 {
				if got := fc.Data(n); !slices.Equal(got, tc.want[n]) {
					t.Errorf("node %d got %q, want %q", n, got, tc.want[n])
				}
			}
		})
	}
}

// TestOvertaken: a command that was run though one before it was not makes the key be written anew.
func TestOvertaken(t *testing.T) {
	refuse := true
	fc := testserver.StartCluster(t, 2, func(_ int, cmd []string) (string, bool) {
		if cmd[0] == "XADD" && refuse {
			refuse = false
			return "-TRYAGAIN x\r\n", true
		}
		return "", false
	})
	stream := format.Record{Kind: format.Stream, Key: b("bar"), Part: format.PartWhole, State: &format.StreamState{LastID: id(2, 0), EntriesAdded: 2},
		Entries: []format.Entry{{ID: id(1, 0), Fields: bs("f", "v")}, {ID: id(2, 0), Fields: bs("f", "v")}}}
	_, _, err := load(t, Options{Target: target.Options{Addr: fc.Nodes[0].Addr}}, stream)
	var ce *CommandError
	if !errors.Is(err, ErrUnequal) || !errors.As(err, &ce) || string(ce.Key) != "bar" {
		t.Errorf("error %v", err)
	}
}

// TestClusterNodeLost: the worker that replaces one whose connection was lost asks who owns the
// slots now.
func TestClusterNodeLost(t *testing.T) {
	lost := false
	fc := testserver.StartCluster(t, 3, func(node int, cmd []string) (string, bool) {
		if node == 0 && cmd[0] == "RPUSH" {
			lost = true
		}
		if node != 0 && cmd[0] == "SADD" { // as of a fresh key, each time
			return ":1\r\n", true
		}
		return "", node == 0 && lost
	})
	l, err := Open(t.Context(), Options{Target: target.Options{Addr: fc.Nodes[0].Addr}})
	if err != nil {
		t.Fatal(err)
	}
	w, err := l.NewWorker(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err = w.Load(t.Context(), Job{Source: source(whole(format.List, "bar", "a"))}); !errors.Is(err, ErrTransient) {
		t.Fatalf("error %v", err)
	}
	w.Close()
	asked := fc.Move() // the second and the third own all now
	for range 2 {
		if w, err = l.NewWorker(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if err = w.Load(t.Context(), Job{Source: source(whole(format.Set, "bar", "a"))}); err != nil {
			t.Fatal(err)
		}
		w.Close()
	}
	if fc.Asked() != asked+1 || len(fc.Data(1)) != 2 {
		t.Errorf("CLUSTER SLOTS was asked %d times, the second node got %q", fc.Asked()-asked, fc.Data(1))
	}
}
