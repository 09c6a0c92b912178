package conn

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/redisserver"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/testserver"
)

// TestSlotOf: by what a Redis and the transcripts of a Kvrocks say.
func TestSlotOf(t *testing.T) {
	c := testserver.Client(t, redisserver.Start(t, "--cluster-enabled", "yes").Addr)
	keys := []string{"", "a", "foo", "bar", "{bar}2", "x{bar}y{foo}", "{}bar", "{}{bar}", "{bar", "}bar{", "{{bar}}", "a{b}", "{\x00}\xff", "\xff\xfe{\xc3\x28}"}
	for i := range 300 {
		keys = append(keys, strings.Repeat(string(rune(i*7)), i%40))
	}
	for _, k := range keys {
		want, err := c.ClusterKeySlot(t.Context(), k).Result()
		if err != nil {
			t.Fatal(err)
		}
		if got := slotOf([]byte(k)); got != int(want) {
			t.Errorf("slot of %q: %d, want %d", k, got, want)
		}
	}
	if slotOf([]byte("foo")) != 12182 || slotOf([]byte("bar")) != 5061 { // kvrocks-2.10.1-cluster.jsonl
		t.Error("foo and bar are not where a Kvrocks has them")
	}
}

// TestKeyOf: every command that a worker or a reader sends.
func TestKeyOf(t *testing.T) {
	k := []byte("k")
	var e resp.Encoder
	for _, args := range [][]any{
		{"SET", k, "v"}, {"XGROUP", "CREATE", k, "g", "0", "MKSTREAM"}, {"XGROUP", "DESTROY", k, "g"}, {"XINFO", "STREAM", k},
		{"XADD", k, "MAXLEN", "0"}, {"TYPE", []byte("k")}, {"EXISTS", "k"},
	} {
		if key, ok := keyOf(e.Arguments(e.Request(args[0].(string), args[1:]...))); !ok || string(key) != "k" {
			t.Errorf("%v: %q, %v", args, key, ok)
		}
	}
	if _, ok := keyOf(e.Arguments(e.Request("TIME"))); ok {
		t.Error("TIME has a key")
	}
}

// TestTopology reads what real servers answer, and what others may.
func TestTopology(t *testing.T) {
	a, bID := strings.Repeat("a", 40), strings.Repeat("b", 40)
	for name, tc := range map[string]struct {
		slots   string
		masters []string // SEED: the host and port that were asked
		ids     int
		owners  map[int]string
		wrong   bool
	}{
		"kvrocks 2.10.1": {testserver.Recorded(t, "kvrocks-2.10.1-cluster.jsonl", "CLUSTER SLOTS"), []string{"127.0.0.1:16673", "127.0.0.1:16674"}, 2,
			map[int]string{0: "127.0.0.1:16673", 8191: "127.0.0.1:16673", 8192: "127.0.0.1:16674", 16383: "127.0.0.1:16674"}, false},
		"kvrocks 2.14": {testserver.Recorded(t, "kvrocks-2025-11-cluster.jsonl", "CLUSTER SLOTS"), nil, 2, nil, false},
		"redis 7.0, replicas and names": {"*2\r\n*4\r\n:0\r\n:100\r\n" +
			"*4\r\n$8\r\n10.0.0.1\r\n:6379\r\n$40\r\n" + a + "\r\n*2\r\n$8\r\nhostname\r\n$1\r\nh\r\n" +
			"*4\r\n$8\r\n10.0.0.2\r\n:6379\r\n$40\r\n" + bID + "\r\n*0\r\n" +
			"*3\r\n:102\r\n:16383\r\n*4\r\n$8\r\n10.0.0.1\r\n:6379\r\n$40\r\n" + a + "\r\n*0\r\n",
			[]string{"10.0.0.1:6379"}, 2, map[int]string{0: "10.0.0.1:6379", 101: "", 102: "10.0.0.1:6379"}, false},
		"a host that is not known": {"*2\r\n*3\r\n:0\r\n:1\r\n*3\r\n$-1\r\n:7000\r\n$1\r\na\r\n*3\r\n:2\r\n:16383\r\n*3\r\n$0\r\n\r\n:7001\r\n$1\r\nb\r\n",
			[]string{"127.0.0.1:7000", "127.0.0.1:7001"}, 2, nil, false},
		"no slots":       {"*0\r\n", nil, 0, map[int]string{0: "", NoSlot: ""}, false},
		"slot too high":  {"*1\r\n*3\r\n:0\r\n:16384\r\n*3\r\n$1\r\nh\r\n:1\r\n$1\r\na\r\n", nil, 0, nil, true},
		"slots reversed": {"*1\r\n*3\r\n:5\r\n:4\r\n*3\r\n$1\r\nh\r\n:1\r\n$1\r\na\r\n", nil, 0, nil, true},
		"no port":        {"*1\r\n*3\r\n:0\r\n:4\r\n*3\r\n$1\r\nh\r\n:0\r\n$1\r\na\r\n", nil, 0, nil, true},
		"no list":        {"*1\r\n:1\r\n", nil, 0, nil, true},
		"not begun":      {"-CLUSTERDOWN The cluster is not initialized\r\n", nil, 0, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			f := testserver.Start(t, testserver.Answer(map[string]string{"CLUSTER": tc.slots}))
			o, err := Options{Addr: f.Addr}.Checked()
			if err != nil {
				t.Fatal(err)
			}
			c, err := o.Dial(t.Context(), Keyspace{})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			got, err := ReadTopology(t.Context(), c)
			if tc.wrong {
				if !errors.Is(err, ErrPreflight) {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if tc.masters != nil && !slices.Equal(got.Masters, tc.masters) || len(got.IDs) != tc.ids {
				t.Errorf("masters %v, ids %v", got.Masters, got.IDs)
			}
			for slot, addr := range tc.owners {
				if got.node(slot) != addr {
					t.Errorf("slot %d is at %q, want %q", slot, got.node(slot), addr)
				}
			}
		})
	}
}

func TestReachable(t *testing.T) {
	for _, tc := range [][3]string{
		{"10.0.0.1", "10.9.9.9:1", "10.0.0.1:7"}, {"", "10.9.9.9:1", "10.9.9.9:7"}, {"?", "[::1]:1", "[::1]:7"},
		{"0.0.0.0", "10.9.9.9:1", "10.9.9.9:7"}, {"127.0.0.1", "10.9.9.9:1", "10.9.9.9:7"}, {"127.0.0.1", "localhost:1", "127.0.0.1:7"},
		{"localhost", "h:1", "h:7"}, {"fe80::1", "h:1", "[fe80::1]:7"},
	} {
		if got := reachable(tc[0], "7", tc[1]); got != tc[2] {
			t.Errorf("%s announced by %s: %s, want %s", tc[0], tc[1], got, tc[2])
		}
	}
}

func TestParseRedirection(t *testing.T) {
	for reply, want := range map[string]redirection{
		testserver.Recorded(t, "kvrocks-2.10.1-cluster.jsonl", "SET foo there")[1:]: {slot: 12182, addr: "127.0.0.1:16674"},
		"ERR MOVED 12182 127.0.0.1:16674":                                           {slot: 12182, addr: "127.0.0.1:16674"},
		"ASK 1 10.0.0.1:6379":                                                       {slot: 1, addr: "10.0.0.1:6379", ask: true},
		"MOVED 1 ::1:6379":                                                          {slot: 1, addr: "[::1]:6379"},
		"MOVED 1 :6379":                                                             {slot: 1, addr: "127.0.0.9:6379"},
		"MOVED 1 ?:6379":                                                            {slot: 1, addr: "127.0.0.9:6379"},
		"MOVED 16384 h:6379":                                                        {},
		"MOVED 1 h:65536":                                                           {},
		"MOVED 1":                                                                   {},
		"ASK x h:1":                                                                 {},
		"TRYAGAIN Can't write to slot being migrated which is in write forbidden phase": {},
		"ERR TRYAGAIN x":                                      {},
		"CLUSTERDOWN Hash slot not served":                    {},
		"READONLY You can't write against a read only slave.": {bad: true},
	} {
		got, ok := parseRedirection(strings.TrimSpace(reply), "127.0.0.9:1")
		want.ask = want.ask || strings.HasPrefix(reply, "ASK")
		if want.addr == "" {
			got.ask, want.ask = false, false
		}
		if !ok || got != want {
			t.Errorf("%s: %+v, %v", reply, got, ok)
		}
	}
	for _, reply := range []string{"", "ERR", "OK", "WRONGTYPE MOVED", "(nil)", "ERR MOVEDON"} {
		if r, ok := parseRedirection(reply, "h:1"); ok {
			t.Errorf("%q is a redirection: %+v", reply, r)
		}
	}
}

// TestMovingSlots: what servers show of slots on their way.
func TestMovingSlots(t *testing.T) {
	for nodes, want := range map[string]string{
		"a 127.0.0.1:1@2 myself,master - 0 0 1 connected 0-5460 [93->-b]\nb 127.0.0.1:3@4 master - 0 0 2 connected 5461-9000\n": "[93->-b]",
		"a 127.0.0.1:1@2 myself,master - 0 0 1 connected 0-5460 [93-<-b]\n":                                                     "[93-<-b]",
		"a 127.0.0.1:1@2 master - 0 0 1 connected 0-5460\nb 127.0.0.1:3@4 myself,master - 0 0 2 connected 5461-9000\n":          "",
		"": "",
	} {
		if got := movingOf(nodes); got != want {
			t.Errorf("%q: %q, want %q", nodes, got, want)
		}
	}
}

// TestPatience: what a cluster does not run for long is tried again by the caller.
func TestPatience(t *testing.T) {
	fc := testserver.StartCluster(t, 2, func(_ int, cmd []string) (string, bool) { return "-TRYAGAIN x\r\n", cmd[0] == "RPUSH" })
	o, err := Options{Addr: fc.Nodes[0].Addr}.Checked()
	if err != nil {
		t.Fatal(err)
	}
	c, err := o.Dial(t.Context(), Keyspace{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	topology, err := ReadTopology(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	cluster := NewCluster(&o, topology)
	cluster.patience = 30 * time.Millisecond
	r, err := NewRouter(t.Context(), &o, Keyspace{}, cluster, NewFencer(Fence{}), true)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var e resp.Encoder
	calls := []Call{{Request: e.Request("SET", "foo", "v")}, {Request: e.Request("RPUSH", "bar", "a")}}
	failed, err := r.Exchange(t.Context(), &e, len(calls), func(i int) *Call { return &calls[i] })
	if failed != 1 || !errors.Is(err, ErrTransient) || !strings.Contains(err.Error(), "the cluster has not run it for 30ms: it answers TRYAGAIN") {
		t.Errorf("call %d: %v", failed, err)
	}
}

// TestRedirectedReplies: a reply stays what it was when another command of its pipeline is sent
// once more.
func TestRedirectedReplies(t *testing.T) {
	var tries atomic.Int32
	fc := testserver.StartCluster(t, 2, func(_ int, cmd []string) (string, bool) {
		if cmd[0] == "SMEMBERS" && cmd[1] == "{bar}2" {
			if tries.Add(1) == 1 {
				return "-TRYAGAIN x\r\n", true
			}
		}
		return "*2\r\n" + testserver.Bulk(cmd[len(cmd)-1]) + testserver.Bulk("m"), cmd[0] == "SMEMBERS"
	})
	o, err := Options{Addr: fc.Nodes[0].Addr}.Checked()
	if err != nil {
		t.Fatal(err)
	}
	c, err := o.Dial(t.Context(), Keyspace{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	topology, err := ReadTopology(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewRouter(t.Context(), &o, Keyspace{}, NewCluster(&o, topology), NewFencer(Fence{}), false)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for range 2 {
		var e resp.Encoder
		keys := []string{"bar", "{bar}2", "foo", "{bar}3"}
		calls := make([]Call, len(keys))
		for i, k := range keys {
			calls[i].Request = e.Request("SMEMBERS", k)
		}
		if _, err := r.Exchange(t.Context(), &e, len(calls), func(i int) *Call { return &calls[i] }); err != nil {
			t.Fatal(err)
		}
		for i, k := range keys {
			if list := calls[i].Reply.List; len(list) != 2 || list[0].Text != k || list[1].Text != "m" {
				t.Errorf("%s: %v", k, calls[i].Reply)
			}
		}
		tries.Store(0)
	}
}
