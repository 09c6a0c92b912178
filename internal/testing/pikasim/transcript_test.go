package pikasim

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// transcript is a recording of a real server, see testdata/transcripts/README.md.
type transcript struct {
	file     string
	version  Version
	password string
	// pauses is how long the script slept before a command, which the
	// recording does not show (from tools/scripts).
	pauses map[int]time.Duration
	// cacheOrder says that HGETALL and SMEMBERS came from the cache, in the
	// order of its hash tables, which is not simulated.
	cacheOrder bool
}

func TestTranscripts(t *testing.T) {
	common := map[int]time.Duration{
		33:  time.Second,             // after FLUSHALL
		114: 2200 * time.Millisecond, // EXPIRE z1 1
		120: 2200 * time.Millisecond, // SETEX gone 1
		187: 2 * time.Second,         // INFO keyspace 1
	}
	// On 4.0.1 the TTLs show that FLUSHALL took a second more.
	slowFlush := map[int]time.Duration{33: 2 * time.Second, 114: common[114], 120: common[120], 187: common[187]}
	auth := map[int]time.Duration{
		25: 2 * time.Second, // INFO keyspace 1 db1
		41: 2 * time.Second, // BGSAVE
	}
	for _, tr := range []transcript{
		{"pika-3.4.0.jsonl", V340, "", common, false},
		{"pika-3.5.5.jsonl", V355, "", common, true},
		{"pika-4.0.1.jsonl", V401, "", slowFlush, true},
		{"pika-3.5.5-auth.jsonl", V355, "secret", auth, true},
		{"pika-4.0.1-auth.jsonl", V401, "secret", auth, true},
	} {
		t.Run(tr.file, func(t *testing.T) {
			t.Parallel()
			tr.replay(t)
		})
	}
}

// exchange is one command of a recording. Every byte is the character of the
// same number.
type exchange struct {
	N          int
	Cmd        []string
	Reply      *string
	Connection string
	Pipelined  bool
}

func (tr *transcript) replay(t *testing.T) {
	list := tr.load(t)
	clock := newTestClock(startTime(list))
	s := start(t, Options{Version: tr.version, Databases: 2, Password: tr.password, Clock: clock.Now})
	main := dial(t, s)
	for len(list) > 0 {
		n := 1
		for list[0].Pipelined && n < len(list) && list[n].Pipelined {
			n++
		}
		run := list[:n]
		list = list[n:]
		clock.Advance(tr.pauses[run[0].N])
		conn := main
		if run[0].Connection == "other" {
			conn = dial(t, s)
		}
		var all []byte
		for _, x := range run {
			all = append(all, request(x.Cmd...)...)
		}
		conn.write(all)
		for _, x := range run {
			got := conn.reply()
			if want := *x.Reply; !tr.same(x.Cmd, got, want) {
				t.Errorf("%d %q\n got %q\nwant %q", x.N, x.Cmd, got, want)
			}
		}
		if conn != main {
			conn.close()
		}
	}
	main.write(request("ECHO", "in step"))
	if got := main.reply(); got != "$7\r\nin step\r\n" {
		t.Errorf("the connection is out of step: %q", got)
	}
}

func (tr *transcript) load(t *testing.T) (list []exchange) {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "testdata", "transcripts", tr.file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := json.NewDecoder(f)
	for d.More() {
		var x exchange
		if err := d.Decode(&x); err != nil {
			t.Fatal(err)
		}
		for i, a := range x.Cmd {
			x.Cmd[i] = latin1(a)
		}
		if x.Reply == nil {
			t.Fatalf("%s: command %d has no reply", tr.file, x.N)
		}
		reply := latin1(*x.Reply)
		x.Reply = &reply
		list = append(list, x)
	}
	return list
}

// latin1 makes bytes of the characters of the same number.
func latin1(s string) string {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		b = append(b, byte(r))
	}
	return string(b)
}

// startTime is what the recorded server answered to TIME, near the beginning.
func startTime(list []exchange) time.Time {
	for _, x := range list {
		if x.Cmd[0] == "TIME" {
			words := strings.Split(*x.Reply, "\r\n")
			sec, _ := strconv.ParseInt(words[2], 10, 64)
			micro, _ := strconv.ParseInt(words[4], 10, 64)
			return time.Unix(sec, micro*1000)
		}
	}
	return time.Unix(1795336850, 0)
}

// The replies that cannot be the same to the byte.
var (
	timeReply = regexp.MustCompile(`^\*2\r\n\$10\r\n\d{10}\r\n\$\d\r\n\d{1,6}\r\n$`)
	saveReply = regexp.MustCompile(`^:\d{10}\r\n$`)
	listReply = regexp.MustCompile(`^\$\d+\r\n(addr=127\.0\.0\.1:\d+ fd=\d+ idle=\d+\n)+\r\n$`)
)

func (tr *transcript) same(cmd []string, got, want string) bool {
	if got == want {
		return true
	}
	word := strings.ToLower(strings.Join(cmd[:min(2, len(cmd))], " "))
	switch name, _, _ := strings.Cut(word, " "); {
	case name == "time": // the clock's microseconds
		return timeReply.MatchString(got) && timeReply.MatchString(want)
	case name == "lastsave": // when the real BGSAVE was
		return saveReply.MatchString(got) && saveReply.MatchString(want)
	case word == "client list": // ports, and clients of closed connections
		return listReply.MatchString(got) && listReply.MatchString(want)
	case name == "ttl": // the test's clock stands still between commands
		return near(got, want, 1)
	case name == "pttl":
		return near(got, want, 1000)
	case name == "info":
		return sameInfo(got, want)
	case name == "hgetall" && tr.cacheOrder:
		return sameElements(got, want, 2)
	case name == "smembers" && tr.cacheOrder:
		return sameElements(got, want, 1)
	}
	return false
}

// near compares two remaining times; -1, -2 and 0 have to be exact.
func near(got, want string, by int64) bool {
	g, err1 := strconv.ParseInt(strings.Trim(got, ":\r\n"), 10, 64)
	w, err2 := strconv.ParseInt(strings.Trim(want, ":\r\n"), 10, 64)
	return err1 == nil && err2 == nil && g > 0 && w > 0 && max(g, w)-min(g, w) <= by
}

// volatileInfo has the INFO lines whose values belong to the recorded process.
var volatileInfo = map[string]string{
	"pika_git_sha":            "of the build",
	"pika_build_compile_date": "of the build",
	"os":                      "of the machine",
	"process_id":              "of the process",
	"tcp_port":                "of the process",
	"uptime_in_seconds":       "of the process",
	"config_file":             "of the process",
	"run_id":                  "random",

	"db_size": "of files", "db_size_human": "of files", "log_size": "of files", "log_size_human": "of files",
	"used_memory": "of memory", "used_memory_human": "of memory", "db_memtable_usage": "of memory",
	"db_block_cache_usage": "of memory", "db_redis_cache_usage": "of memory",

	"total_connections_received": "of the process, and on 3.5.5 uninitialised",
	"instantaneous_ops_per_sec":  "a rate", "instantaneous_input_kbps": "a rate", "instantaneous_output_kbps": "a rate",
	"total_commands_processed": "counts what the script did not send, too",
	"total_net_input_bytes":    "bytes", "total_net_output_bytes": "bytes",
}

// censusTime is the time of a key count.
var censusTime = regexp.MustCompile(`^# Time:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$`)

// sameInfo compares INFO line by line.
func sameInfo(got, want string) bool {
	g, w := strings.Split(got, "\r\n"), strings.Split(want, "\r\n")
	if len(g) != len(w) {
		return false
	}
	for i := 1; i < len(g); i++ { // line 0 is the length
		name, _, _ := strings.Cut(w[i], ":")
		switch _, volatile := volatileInfo[name]; {
		case volatile && strings.HasPrefix(g[i], name+":"):
		case censusTime.MatchString(g[i]) && censusTime.MatchString(w[i]):
		case g[i] != w[i]:
			return false
		}
	}
	return true
}

// sameElements compares arrays of bulk strings as sets of groups of n.
func sameElements(got, want string, n int) bool {
	g, w := groups(got, n), groups(want, n)
	return g != nil && slices.Equal(g, w)
}

func groups(raw string, n int) (list []string) {
	r := bufio.NewReader(strings.NewReader(raw))
	head, _ := r.ReadString('\n')
	count, err := strconv.Atoi(strings.Trim(head, "*\r\n"))
	if err != nil || count%n != 0 {
		return nil
	}
	for range count / n {
		group := ""
		for range n {
			one, err := readReply(r)
			if err != nil {
				return nil
			}
			group += one
		}
		list = append(list, group)
	}
	slices.Sort(list)
	return list
}
