package writer

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
)

// TestSlotOf: by what a Redis and the transcripts of a Kvrocks say.
func TestSlotOf(t *testing.T) {
	c := client(t, startRedis(t, "--cluster-enabled", "yes"))
	keys := []string{"", "a", "foo", "bar", "{bar}2", "x{bar}y{foo}", "{}bar", "{}{bar}", "{bar", "}bar{", "{{bar}}", "a{b}", "{\x00}\xff", "\xff\xfe{\xc3\x28}"}
	for i := range 300 {
		keys = append(keys, strings.Repeat(string(rune(i*7)), i%40))
	}
	for _, k := range keys {
		want, err := c.ClusterKeySlot(t.Context(), k).Result()
		if err != nil {
			t.Fatal(err)
		}
		if got := slotOf(b(k)); got != int(want) {
			t.Errorf("slot of %q: %d, want %d", k, got, want)
		}
	}
	if slotOf(b("foo")) != 12182 || slotOf(b("bar")) != 5061 { // kvrocks-2.10.1-cluster.jsonl
		t.Error("foo and bar are not where a Kvrocks has them")
	}
}

// TestKeyOf: every command that a worker or a reader sends.
func TestKeyOf(t *testing.T) {
	k := []byte("k")
	for _, args := range [][]any{
		{"SET", k, "v"}, {"XGROUP", "CREATE", k, "g", "0", "MKSTREAM"}, {"XGROUP", "DESTROY", k, "g"}, {"XINFO", "STREAM", k},
		{"XADD", k, "MAXLEN", "0"}, {"TYPE", []byte("k")}, {"EXISTS", "k"},
	} {
		if key, ok := keyOf(args); !ok || string(key) != "k" {
			t.Errorf("%v: %q, %v", args, key, ok)
		}
	}
	if _, ok := keyOf([]any{"TIME"}); ok {
		t.Error("TIME has a key")
	}
}

// recorded returns what a real server answered.
func recorded(t *testing.T, file string, command string) string {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "testdata", "transcripts", file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var l struct {
			Cmd   []string
			Reply string
		}
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		if strings.Join(l.Cmd, " ") == command {
			raw := make([]byte, 0, len(l.Reply))
			for _, r := range l.Reply {
				raw = append(raw, byte(r))
			}
			return string(raw)
		}
	}
	t.Fatalf("%s has no %s", file, command)
	return ""
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
		"kvrocks 2.10.1": {recorded(t, "kvrocks-2.10.1-cluster.jsonl", "CLUSTER SLOTS"), []string{"127.0.0.1:16673", "127.0.0.1:16674"}, 2,
			map[int]string{0: "127.0.0.1:16673", 8191: "127.0.0.1:16673", 8192: "127.0.0.1:16674", 16383: "127.0.0.1:16674"}, false},
		"kvrocks 2.14": {recorded(t, "kvrocks-2025-11-cluster.jsonl", "CLUSTER SLOTS"), nil, 2, nil, false},
		"redis 7.0, replicas and names": {"*2\r\n*4\r\n:0\r\n:100\r\n" +
			"*4\r\n$8\r\n10.0.0.1\r\n:6379\r\n$40\r\n" + a + "\r\n*2\r\n$8\r\nhostname\r\n$1\r\nh\r\n" +
			"*4\r\n$8\r\n10.0.0.2\r\n:6379\r\n$40\r\n" + bID + "\r\n*0\r\n" +
			"*3\r\n:102\r\n:16383\r\n*4\r\n$8\r\n10.0.0.1\r\n:6379\r\n$40\r\n" + a + "\r\n*0\r\n",
			[]string{"10.0.0.1:6379"}, 2, map[int]string{0: "10.0.0.1:6379", 101: "", 102: "10.0.0.1:6379"}, false},
		"a host that is not known": {"*2\r\n*3\r\n:0\r\n:1\r\n*3\r\n$-1\r\n:7000\r\n$1\r\na\r\n*3\r\n:2\r\n:16383\r\n*3\r\n$0\r\n\r\n:7001\r\n$1\r\nb\r\n",
			[]string{"127.0.0.1:7000", "127.0.0.1:7001"}, 2, nil, false},
		"no slots":       {"*0\r\n", nil, 0, map[int]string{0: "", noSlot: ""}, false},
		"slot too high":  {"*1\r\n*3\r\n:0\r\n:16384\r\n*3\r\n$1\r\nh\r\n:1\r\n$1\r\na\r\n", nil, 0, nil, true},
		"slots reversed": {"*1\r\n*3\r\n:5\r\n:4\r\n*3\r\n$1\r\nh\r\n:1\r\n$1\r\na\r\n", nil, 0, nil, true},
		"no port":        {"*1\r\n*3\r\n:0\r\n:4\r\n*3\r\n$1\r\nh\r\n:0\r\n$1\r\na\r\n", nil, 0, nil, true},
		"no list":        {"*1\r\n:1\r\n", nil, 0, nil, true},
		"not begun":      {"-CLUSTERDOWN The cluster is not initialized\r\n", nil, 0, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			f := startFake(t, answer(map[string]string{"CLUSTER": tc.slots}))
			o, err := Options{Addr: f.addr}.checked()
			if err != nil {
				t.Fatal(err)
			}
			c, err := o.dial(t.Context(), Keyspace{})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			got, err := o.topology(t.Context(), c)
			if tc.wrong {
				if !errors.Is(err, ErrPreflight) {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if tc.masters != nil && !slices.Equal(got.masters, tc.masters) || len(got.ids) != tc.ids {
				t.Errorf("masters %v, ids %v", got.masters, got.ids)
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
		recorded(t, "kvrocks-2.10.1-cluster.jsonl", "SET foo there")[1:]: {slot: 12182, addr: "127.0.0.1:16674"},
		"ERR MOVED 12182 127.0.0.1:16674":                                {slot: 12182, addr: "127.0.0.1:16674"},
		"ASK 1 10.0.0.1:6379":                                            {slot: 1, addr: "10.0.0.1:6379", ask: true},
		"MOVED 1 ::1:6379":                                               {slot: 1, addr: "[::1]:6379"},
		"MOVED 1 :6379":                                                  {slot: 1, addr: "127.0.0.9:6379"},
		"MOVED 1 ?:6379":                                                 {slot: 1, addr: "127.0.0.9:6379"},
		"MOVED 16384 h:6379":                                             {},
		"MOVED 1 h:65536":                                                {},
		"MOVED 1":                                                        {},
		"ASK x h:1":                                                      {},
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

// A fakeCluster is some fakes that say which slots they own.
type fakeCluster struct {
	mu    sync.Mutex
	nodes []*fake
	first int // who owns the slots below 8192; the next one has the others
	slots int // how often CLUSTER SLOTS was asked
}

// startFakeCluster starts nodes that ask script first.
func startFakeCluster(t *testing.T, count int, script func(node int, cmd []string) (string, bool)) *fakeCluster {
	fc := &fakeCluster{}
	for i := range count {
		f := startFake(t, func(cmd []string) (string, bool) {
			if script != nil {
				if reply, ok := script(i, cmd); ok {
					return reply, ok
				}
			}
			switch strings.Join(cmd[:min(2, len(cmd))], " ") {
			case "INFO server":
				return bulkString(strings.ReplaceAll(infoKvrocks, "standalone", "cluster")), true
			case "CLUSTER SLOTS":
				return fc.map_(), true
			case "CLUSTER INFO":
				return recorded(t, "kvrocks-2.10.1-cluster.jsonl", "CLUSTER INFO"), true
			case "CLUSTER NODES":
				return recorded(t, "kvrocks-2.10.1-cluster.jsonl", "CLUSTER NODES"), true
			}
			return "", false
		})
		fc.mu.Lock()
		fc.nodes = append(fc.nodes, f)
		fc.mu.Unlock()
	}
	return fc
}

// map_ is the reply to CLUSTER SLOTS.
func (fc *fakeCluster) map_() string {
	fc.mu.Lock()
	defer fc.mu.Unlock()
	fc.slots++
	entry := func(first, last, n int) string {
		host, port, _ := net.SplitHostPort(fc.nodes[n%len(fc.nodes)].addr)
		return fmt.Sprintf("*3\r\n:%d\r\n:%d\r\n*3\r\n%s:%s\r\n%s", first, last, bulkString(host), port, bulkString("id"+strconv.Itoa(n)))
	}
	return "*2\r\n" + entry(0, 8191, fc.first) + entry(8192, 16383, fc.first+1)
}

// data returns the commands that a node got, but for those about the cluster.
func (fc *fakeCluster) data(n int) []string {
	return slices.DeleteFunc(fc.nodes[n].commands(), func(c string) bool { return strings.HasPrefix(c, "CLUSTER ") || strings.HasPrefix(c, "SCAN") })
}

// TestRedirected: what a cluster of two nodes answers once, and where the command goes then. The key bar is on
// the first node.
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
			var fc *fakeCluster
			fc = startFakeCluster(t, 2, func(node int, cmd []string) (string, bool) {
				if cmd[0] == "ASKING" {
					return "+OK\r\n", true
				}
				if node == 0 && cmd[0] == "RPUSH" && left > 0 {
					left--
					return strings.Replace(tc.reply, "SECOND", fc.nodes[1].addr, 1), true
				}
				return "", false
			})
			s, _ := mustLoad(t, Options{Addr: fc.nodes[1].addr}, list)
			if s.Keys != 1 || s.Elements != 2 {
				t.Errorf("%+v", s)
			}
			for n := range 2 {
				if got := fc.data(n); !slices.Equal(got, tc.want[n]) {
					t.Errorf("node %d got %q, want %q", n, got, tc.want[n])
				}
			}
		})
	}
}

// TestOvertaken: a command that was run though one before it was not makes the key be written anew.
func TestOvertaken(t *testing.T) {
	refuse := true
	fc := startFakeCluster(t, 2, func(_ int, cmd []string) (string, bool) {
		if cmd[0] == "XADD" && refuse {
			refuse = false
			return "-TRYAGAIN x\r\n", true
		}
		return "", false
	})
	stream := format.Record{Kind: format.Stream, Key: b("bar"), Part: format.PartWhole, State: &format.StreamState{LastID: id(2, 0), EntriesAdded: 2},
		Entries: []format.Entry{{ID: id(1, 0), Fields: bs("f", "v")}, {ID: id(2, 0), Fields: bs("f", "v")}}}
	_, _, err := load(t, Options{Addr: fc.nodes[0].addr}, stream)
	var ce *CommandError
	if !errors.Is(err, ErrUnequal) || !errors.As(err, &ce) || string(ce.Key) != "bar" {
		t.Errorf("error %v", err)
	}
}

// TestClusterPatience: what a cluster does not run for long is tried again by the caller.
func TestClusterPatience(t *testing.T) {
	fc := startFakeCluster(t, 2, func(_ int, cmd []string) (string, bool) { return "-TRYAGAIN x\r\n", cmd[0] == "RPUSH" })
	l, err := Open(t.Context(), Options{Addr: fc.nodes[0].addr})
	if err != nil {
		t.Fatal(err)
	}
	l.cluster.patience = 30 * time.Millisecond
	w, err := l.NewWorker(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	err = w.Load(t.Context(), source(whole(format.List, "bar", "a")))
	if !errors.Is(err, ErrTransient) || !strings.Contains(err.Error(), `key "bar": RPUSH: the cluster has not run it`) || !strings.Contains(err.Error(), "TRYAGAIN") {
		t.Errorf("error %v", err)
	}
}

// TestClusterNodeLost: the worker that replaces one whose connection was lost asks who owns the slots now.
func TestClusterNodeLost(t *testing.T) {
	lost := false
	fc := startFakeCluster(t, 3, func(node int, cmd []string) (string, bool) {
		if node == 0 && cmd[0] == "RPUSH" {
			lost = true
		}
		return "", node == 0 && lost
	})
	l, err := Open(t.Context(), Options{Addr: fc.nodes[0].addr})
	if err != nil {
		t.Fatal(err)
	}
	w, err := l.NewWorker(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err = w.Load(t.Context(), source(whole(format.List, "bar", "a"))); !errors.Is(err, ErrTransient) {
		t.Fatalf("error %v", err)
	}
	w.Close()
	fc.mu.Lock()
	asked := fc.slots
	fc.first = 1 // the second and the third own all now
	fc.mu.Unlock()
	for range 2 {
		if w, err = l.NewWorker(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if err = w.Load(t.Context(), source(whole(format.Set, "bar", "a"))); err != nil {
			t.Fatal(err)
		}
		w.Close()
	}
	if fc.slots != asked+1 || len(fc.data(1)) != 2 {
		t.Errorf("CLUSTER SLOTS was asked %d times, the second node got %q", fc.slots-asked, fc.data(1))
	}
}

// TestClusterTarget: a cluster can do what all of its masters can.
func TestClusterTarget(t *testing.T) {
	fc := startFakeCluster(t, 2, func(node int, cmd []string) (string, bool) {
		switch {
		case node == 0:
		case cmd[0] == "TIME":
			return "*2\r\n" + bulkString(strconv.FormatInt(time.Now().Unix()+100, 10)) + bulkString("0"), true
		case cmd[0] == "CONFIG":
			return "*2\r\n" + bulkString("proto-max-bulk-len") + bulkString("1048576"), true
		case cmd[0] == "INFO" && cmd[1] == "server":
			return bulkString("kvrocks_version:2.9.0\r\nkvrocks_mode:cluster\r\n"), true
		}
		return "", false
	})
	l, err := Open(t.Context(), Options{Addr: fc.nodes[0].addr})
	if err != nil {
		t.Fatal(err)
	}
	got := l.Target()
	if got.Version != "2.9.0" || got.MaxBulk != 1<<20 || got.ClockOffset < 90*time.Second || got.Masters != 2 || len(got.Nodes) != 2 || got.Addr != fc.nodes[0].addr {
		t.Errorf("%+v", got)
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
	for info, want := range map[string]string{
		"cluster_state:ok\r\nmigrating_slot(s): 5061\r\ndestination_node: b\r\nmigrating_state: start\r\n": "migrating_slot 5061",
		"cluster_state:ok\r\nimporting_slot(s): 1-9\r\nimport_state: start\r\n":                            "importing_slot 1-9",
		"cluster_state:ok\r\nmigrating_slot: 7\r\nmigrating_state: start\r\n":                              "migrating_slot 7",
		"cluster_state:ok\r\nmigrating_slot(s): 5061\r\nmigrating_state: success\r\n":                      "",
	} {
		fc := startFakeCluster(t, 2, func(node int, cmd []string) (string, bool) {
			return bulkString(info), node == 1 && cmd[0] == "CLUSTER" && cmd[1] == "INFO"
		})
		_, err := Open(t.Context(), Options{Addr: fc.nodes[0].addr})
		if want == "" && err != nil || want != "" && (!errors.Is(err, ErrPreflight) || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v", info, err)
		}
	}
}

// TestClusterReadBack: a Reader and a Visitor follow as well.
func TestClusterReadBack(t *testing.T) {
	var fc *fakeCluster
	fc = startFakeCluster(t, 2, func(node int, cmd []string) (string, bool) {
		switch {
		case cmd[0] == "SCAN":
			return "*2\r\n$1\r\n0\r\n*1\r\n" + bulkString("on "+strconv.Itoa(node)), true
		case node == 0 && len(cmd) > 1 && cmd[1] == "bar":
			return "-MOVED 5061 " + fc.nodes[1].addr + "\r\n", true
		case cmd[0] == "GETRANGE":
			return bulkString("value"), true
		case cmd[0] == "TYPE":
			return "+string\r\n", true
		case cmd[0] == "STRLEN", cmd[0] == "PEXPIRETIME":
			return ":5\r\n", true
		}
		return "", false
	})
	l, err := Open(t.Context(), Options{Addr: fc.nodes[0].addr})
	if err != nil {
		t.Fatal(err)
	}
	r, err := l.NewReader(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p := &question.Question{Kind: format.String, Key: b("bar"), Size: 5, Head: true, Tail: true}
	readPieces(t, r, p)
	if p.Values[0] != "value" || p.Expire != 5 {
		t.Errorf("%+v", p)
	}
	var names []string
	if err := r.Scan(t.Context(), func(page []string) error { names = append(names, page...); return nil }); err != nil || len(names) != 2 {
		t.Errorf("%q, %v", names, err)
	}
	v := l.NewVisitor(0, nil)
	defer v.Close()
	looks, err := v.Look(t.Context(), bs("bar", "foo"))
	if err != nil || looks[0].Length != 5 || looks[1].Kind != format.String {
		t.Errorf("%+v, %v", looks, err)
	}
	if n, more, err := l.CountKeys(t.Context(), 0, 1); n != 1 || !more || err != nil {
		t.Errorf("%d keys, more %v, %v", n, more, err)
	}
	if l.Redirected() == 0 {
		t.Error("nothing was redirected")
	}
}
