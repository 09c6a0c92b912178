package metrics

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/connect"
	"github.com/pika2kvrocks/pika2kvrocks/internal/logging"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/freeport"
)

// run runs a command that is watched. Act gets a Meter as engines do.
func run(t *testing.T, act func(*cli.Context, *progress.Meter) error, args ...string) (code int, stderr string) {
	t.Helper()
	var out bytes.Buffer
	none := func(string) string { return "" }
	classify := func(error) int { return 0 }
	app := command.App(&cli.App{Name: "tool", Writer: &out, ErrWriter: &out, Commands: Watch([]*cli.Command{{
		Name:  "do",
		Flags: slices.Concat(connect.Flags(1234), []cli.Flag{&cli.StringFlag{Name: "shard"}}, command.ProgressFlags()),
		Action: func(c *cli.Context) error {
			logging.SetDump(c.App.ErrWriter, "d1")
			m, err := command.Meter(c)
			if err != nil {
				return err
			}
			return act(c, m)
		},
	}}, classify, none)}, nil)
	code = command.Main(app, append([]string{"tool", "do", "--quiet"}, args...), classify)
	return code, out.String()
}

// work is a run that does something of all that is counted.
func work(m *progress.Meter) {
	end := m.Begin("load", 2)
	part := m.Part(progress.Name{Target: "h:1", DB: 3, Type: "hash"})
	part.Expect(100)
	part.Add(7, 70, 50)
	m.Wait(progress.RateLimit, "")()
	m.Retried(io.EOF, 0)
	m.Retried(os.ErrDeadlineExceeded, 0)
	m.Chunk(4)
	m.LeftOut("expired", 5)
	m.Behind(progress.Lag{Seconds: 12, Binlog: new(int64(99)), Names: new(int64(3)), Deltas: 2})
	part.AddElements(9)
	end()
	end = m.Begin("verify", 2)
	m.Part(progress.Name{Type: "set"}).Add(2, 20, 2)
	end()
}

// watch has a server asked once how it fares.
func watch(t *testing.T, m *progress.Meter, addr string, err error) {
	t.Helper()
	go m.Watch(t.Context(), progress.Source, addr, func(context.Context) (progress.Load, error) {
		return progress.Load{Ops: 7, CPUSeconds: 1, Memory: 1, Disk: 1, Stalls: 1}, err
	})
	heard := func(s progress.Server) bool { return s.Addr == addr && (s.Took != nil || s.Refused != "") }
	for !slices.ContainsFunc(m.Snapshot().Servers, heard) {
		time.Sleep(time.Millisecond)
	}
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	data, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(data)
}

// values are lines that a scrape and a file must have, with the server and the shard of the run.
var values = []string{
	`tool_keys_total{command="do",db="3",phase="load",SERVER,target="h:1",type="hash"} 7`,
	`tool_bytes_total{command="do",db="3",phase="load",SERVER,target="h:1",type="hash"} 70`,
	`tool_keys_total{command="do",db="0",phase="verify",SERVER,target="",type="set"} 2`,
	`tool_phase_active{command="do",phase="load",SERVER} 0`,
	`tool_elements_total{command="do",db="3",phase="load",SERVER,target="h:1",type="hash"} 9`,
	`tool_chunks_total{command="do",phase="load",SERVER} 4`,
	`tool_lag_seconds{command="do",phase="load",SERVER} 12`,
	`tool_lag_binlog_bytes{command="do",phase="load",SERVER} 99`,
	`tool_lag_names{command="do",phase="load",SERVER} 3`,
	`tool_deltas_total{command="do",phase="load",SERVER} 2`,
	`tool_left_out_total{command="do",phase="load",reason="expired",SERVER} 5`,
	`tool_retries_total{command="do",kind="connection",phase="load",SERVER} 1`,
	`tool_retries_total{command="do",kind="timeout",phase="load",SERVER} 1`,
	`tool_waiting_connections{command="do",phase="load",reason="rate limit",SERVER} 0`,
	`tool_run_info{command="do",dump="d1",run="`,
	`tool_build_info{command="do",goversion="go`,
	`tool_last_progress_timestamp_seconds{command="do",SERVER} `,
}

func mustHold(t *testing.T, text, server string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if line = strings.Replace(line, "SERVER", server, 1); !strings.Contains(text, line) {
			t.Errorf("no %s in\n%s", line, text)
		}
	}
}

// TestServed: while a command runs, all that it does can be scraped; when it ends nobody listens.
func TestServed(t *testing.T) {
	addr := freeport.Addr()
	code, stderr := run(t, func(c *cli.Context, m *progress.Meter) error {
		work(m)
		end := m.Begin("verify", 1) // a phase of a name that was there takes its place
		defer end()
		m.Part(progress.Name{Type: "set"}).Add(2, 20, 2)
		watch(t, m, "h:1", nil)
		watch(t, m, "h:2", errors.New("NOPERM"))
		_, text := get(t, "http://"+addr+"/metrics")
		mustHold(t, text, `server="127.0.0.1:1234"`, values...)
		mustHold(t, text, `server="127.0.0.1:1234"`, `tool_phase_active{command="do",phase="verify",SERVER} 1`,
			`tool_server_up{addr="h:1",command="do",phase="verify",role="source",SERVER} 1`, `tool_server_up{addr="h:2",command="do",phase="verify",role="source",SERVER} 0`,
			`tool_server_operations_per_second{addr="h:1",command="do",phase="verify",role="source",SERVER} 7`, `tool_server_info_seconds{addr="h:1"`,
			"process_resident_memory_bytes ", "go_goroutines ")
		mustLint(t, text)
		for path, want := range map[string]int{"/healthz": 200, "/": 404, "/debug/pprof/": 404, "/debug/pprof/heap": 404} {
			if status, _ := get(t, "http://"+addr+path); status != want {
				t.Errorf("%s: %d, want %d", path, status, want)
			}
		}
		return nil
	}, "--metrics-addr", addr)
	if code != 0 || !strings.Contains(stderr, "metrics: http://"+addr+"/metrics shows") {
		t.Errorf("%d, %q", code, stderr)
	}
	if c, err := net.Dial("tcp", addr); err == nil {
		c.Close()
		t.Error("the address is still served")
	}
}

// mustLint has promtool look at metrics.
func mustLint(t *testing.T, text string) {
	t.Helper()
	tool, err := exec.LookPath("promtool")
	if err != nil {
		t.Log("NO promtool: names and help of metrics are not checked")
		return
	}
	cmd := exec.Command(tool, "check", "metrics")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}

// TestProfiles: profiles are there only when they are asked for, and the command line never is.
func TestProfiles(t *testing.T) {
	addr := freeport.Addr()
	code, stderr := run(t, func(*cli.Context, *progress.Meter) error {
		for path, want := range map[string]int{"/debug/pprof/": 200, "/debug/pprof/heap": 200, "/debug/pprof/cmdline": 404} {
			if status, _ := get(t, "http://"+addr+path); status != want {
				t.Errorf("%s: %d, want %d", path, status, want)
			}
		}
		return nil
	}, "--metrics-addr", addr, "--pprof")
	if code != 0 || !strings.Contains(stderr, "warning: --pprof") {
		t.Errorf("%d, %q", code, stderr)
	}
}

// TestNotKept: who holds a connection, or reads a profile, does not keep a run from ending.
func TestNotKept(t *testing.T) {
	addr := freeport.Addr()
	answered := make(chan error, 1)
	code, _ := run(t, func(*cli.Context, *progress.Meter) error {
		begun, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		t.Cleanup(func() { begun.Close() })
		if _, err := fmt.Fprint(begun, "GET /debug/pprof/profile?seconds=3600 HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			return err
		}
		go func() {
			_, err := io.Copy(io.Discard, begun)
			answered <- err
		}()
		return nil
	}, "--metrics-addr", addr, "--pprof")
	if code != 0 {
		t.Fatalf("exit code %d", code)
	}
	<-answered // it was cut off
}

// TestRefused: what cannot work is an error before the command begins, and shows no password.
func TestRefused(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for args, want := range map[string]string{
		"--metrics-addr " + taken.Addr().String():    "5 tool: metrics cannot be exposed: --metrics-addr: listen tcp " + taken.Addr().String(),
		"--metrics-addr 9121":                        `2 tool: --metrics-addr "9121": it is [HOST]:PORT`,
		"--pprof":                                    "2 tool: --pprof needs --metrics-addr",
		"--metrics-file metrics.txt":                 "2 tool: --metrics-file metrics.txt: its name must end in .prom",
		"--metrics-file /proc/none/x.prom":           "5 tool: metrics cannot be exposed: --metrics-file: open /proc/none/x.prom",
		"--push-url ftp://u:secret@h":                "2 tool: --push-url is the address of a Pushgateway",
		"--push-url http://u:secret@h/metrics/job/x": "2 tool: --push-url is the address of a Pushgateway",
		"--push-url http://u:secret@h:x":             "2 tool: --push-url is the address of a Pushgateway",
		"--metrics-addr :0 --uri redis://h:x":        "2 tool: --uri",
	} {
		code, stderr := run(t, func(*cli.Context, *progress.Meter) error {
			t.Errorf("%s: the command has begun", args)
			return nil
		}, strings.Fields(args)...)
		if got := fmt.Sprint(code, " ", stderr); code != int(want[0]-'0') || !strings.Contains(got, want[2:]) || strings.Contains(got, "secret") {
			t.Errorf("%s: %q, want %q", args, got, want)
		}
	}
}

// TestFile: the file of a run takes the place of the one before at its end, has nothing of the
// process that node_exporter has itself, and remembers the last success when a run fails.
func TestFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "tool.prom")
	fail := errors.New("no luck")
	for _, tc := range []struct {
		err     error
		success bool
	}{{fail, false}, {nil, true}, {fail, true}} {
		code, _ := run(t, func(_ *cli.Context, m *progress.Meter) error {
			work(m)
			return tc.err
		}, "--metrics-file", name, "--shard", "3/8", "--uri", "redis://u:secret@h1", "--uri", "redis://h2:7")
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text, server := string(data), `server="h1:1234,h2:7",shard="3/8"`
		mustHold(t, text, server, values...)
		mustHold(t, text, server, fmt.Sprintf("tool_last_exit_code{command=\"do\",SERVER} %d\n", code), `tool_last_end_timestamp_seconds{command="do",SERVER} `)
		mustLint(t, text)
		var moved, ended float64
		for line := range strings.Lines(text) {
			_, _ = fmt.Sscanf(strings.TrimPrefix(line, "tool_last_progress_timestamp_seconds{command=\"do\","+server+"} "), "%g", &moved)
			_, _ = fmt.Sscanf(strings.TrimPrefix(line, "tool_last_end_timestamp_seconds{command=\"do\","+server+"} "), "%g", &ended)
		}
		if moved == 0 || ended < moved { // as alerts.yaml tells a run that has ended from one that stands still
			t.Errorf("ended at %f, last progress at %f", ended, moved)
		}
		if strings.Contains(text, "secret") || strings.Contains(text, "go_goroutines") || strings.Contains(text, "process_") {
			t.Errorf("in the file:\n%s", text)
		}
		if got := strings.Contains(text, "tool_last_success_timestamp_seconds{"); got != tc.success {
			t.Errorf("after %v: last success %v in\n%s", tc.err, got, text)
		}
	}
	if others, err := filepath.Glob(filepath.Join(filepath.Dir(name), "*")); err != nil || len(others) != 1 {
		t.Errorf("left behind: %v, %v", others, err)
	}
}

// A gateway keeps what is pushed to it.
type gateway struct {
	mu     sync.Mutex
	pushed []string // method, path and user of each request
	last   map[string]*dto.MetricFamily
	status int
}

func (g *gateway) ServeHTTP(to http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	user, password, _ := r.BasicAuth()
	g.pushed = append(g.pushed, fmt.Sprint(r.Method, " ", r.URL.Path, " ", user, ":", password))
	g.last = map[string]*dto.MetricFamily{}
	for dec := expfmt.NewDecoder(r.Body, expfmt.ResponseFormat(r.Header)); ; {
		f := &dto.MetricFamily{}
		if dec.Decode(f) != nil {
			break
		}
		g.last[f.GetName()] = f
	}
	to.WriteHeader(g.status)
}

// TestPushed: at the end the metrics lie in the group of the run; a Pushgateway that does not take
// them changes nothing but what is said, and no password is.
func TestPushed(t *testing.T) {
	g := &gateway{status: 200}
	s := httptest.NewServer(g)
	defer s.Close()
	push := strings.Replace(s.URL, "http://", "http://u:secret@", 1)
	t.Setenv("TOOL_PUSH_URL", push)
	args := []string{"--uri", "redis://h:1/3"}
	code, stderr := run(t, func(_ *cli.Context, m *progress.Meter) error { work(m); return nil }, args...)
	if code != 0 || stderr != "" || len(g.pushed) != 1 || !strings.HasPrefix(g.pushed[0], "POST /metrics/job/tool/") || !strings.HasSuffix(g.pushed[0], " u:secret") {
		t.Errorf("%d, %q, pushed %q", code, stderr, g.pushed)
	}
	for _, want := range []string{"/command/do", "/server/h:1"} {
		if !strings.Contains(g.pushed[0], want) {
			t.Errorf("no %s in %s", want, g.pushed[0])
		}
	}
	if f := g.last["tool_last_success_timestamp_seconds"]; f == nil || len(g.last["tool_keys_total"].GetMetric()) != 2 {
		t.Errorf("pushed %v", g.last)
	}
	g.status = 500
	code, stderr = run(t, func(*cli.Context, *progress.Meter) error { return errors.New("no luck") }, args...)
	if code != 1 || !strings.Contains(stderr, "warning: --push-url: ") || strings.Contains(stderr, "secret") || g.last["tool_last_success_timestamp_seconds"] != nil {
		t.Errorf("%d, %q, pushed %v", code, stderr, g.last)
	}
}

// TestCountersOnlyGrow: what is read again after an error is no new beginning for Prometheus.
func TestCountersOnlyGrow(t *testing.T) {
	addr := freeport.Addr()
	run(t, func(_ *cli.Context, m *progress.Meter) error {
		defer m.Begin("dump", 1)()
		part := m.Part(progress.Name{Type: "set"})
		for i, step := range []int64{10, -4, 3} {
			part.Add(step, 0, 0)
			_, text := get(t, "http://"+addr+"/metrics")
			if !strings.Contains(text, `target="",type="set"} 10`) {
				t.Errorf("after step %d:\n%s", i, text)
			}
		}
		return nil
	}, "--metrics-addr", addr)
}

// TestProgress: a run that stands still is told from one that goes on, however rarely it is looked
// at.
func TestProgress(t *testing.T) {
	m := progress.NewMeter()
	c := &collector{most: map[string]float64{}}
	at := time.Unix(1000, 0)
	see := func() int64 {
		at = at.Add(time.Minute)
		c.watch(at)
		return c.progress.Unix()
	}
	moved := see()
	if see() != moved {
		t.Error("nothing was done")
	}
	defer m.Begin("dump", 1)()
	c.begin(m)
	part := m.Part(progress.Name{})
	for range 2 {
		before := see()
		if see() != before {
			t.Error("nothing was done")
		}
		if part.Add(1, 0, 0); see() != at.Unix() {
			t.Error("a key is progress")
		}
		moved := at.Unix()
		if part.Add(-1, 0, 0); see() != moved {
			t.Error("what is taken back is no progress")
		}
		if part.Add(1, 0, 0); see() != moved {
			t.Error("what is done again is no progress")
		}
	}
}
