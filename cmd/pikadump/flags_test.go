package main

import (
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/dump"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/pace"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/manual"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

func TestBadFlags(t *testing.T) {
	out := filepath.Join(t.TempDir(), "dump")
	good := []string{"dump", "--uri", "redis://" + closedPort(t), "--out", out}
	for _, tc := range []struct {
		name string
		args []string
		says string
	}{
		{"unknown command", []string{"restore"}, `no command "restore"`},
		{"unknown flag", append(good, "--nosuch"), "-nosuch"},
		{"unknown flag before the command", []string{"--nosuch"}, "-nosuch"},
		{"no --out", good[:3], "--out is missing"},
		{"argument", append(good, "dir"), `"dir" is not a flag`},
		{"argument of plan", []string{"plan", "redis://h:9221"}, "--uri is missing"},
		{"--in of verify", []string{"verify", "--in", "ftp://h/dump"}, "unsupported URL scheme ftp://"},
		{"--type", append(good, "--type", "string,nosuch"), `unknown type "nosuch": the types are string, hash`},
		{"--type of nothing", append(good, "--type", ","), "--type"},
		{"--db", append(good, "--db", "x"), "--db x: databases are numbers"},
		{"--db negative", append(good, "--db", "-1"), "--db -1: databases are numbers"},
		{"--db of nothing", append(good, "--db", ","), "--db"},
		{"--level", append(good, "--level", "max"), `--level "max": it is fastest, default or better`},
		{"--chunk-size no size", append(good, "--chunk-size", "big"), `--chunk-size "big": it is a size from 64 KiB`},
		{"--chunk-size small", append(good, "--chunk-size", "1KiB"), "a size from 64 KiB"},
		{"--chunk-size negative", append(good, "--chunk-size=-64MiB"), "a size from 64 KiB"},
		{"--reply-size large", append(good, "--reply-size", "1GiB"), "a size from 4.0 KiB to 256 MiB"},
		{"--page-keys", append(good, "--page-keys", "-1"), "--page-keys -1: it is between 1 and"},
		{"--page-keys no number", append(good, "--page-keys", "many"), "page-keys"},
		{"--timeout", append(good, "--timeout", "-1s"), "--timeout -1s is negative"},
		{"--timeout without unit", append(good, "--timeout", "90"), "timeout"},
		{"--threads", append(good, "--threads", "-1"), "--threads is negative"},
		{"--reply-time", append(good, "--reply-time=-1s"), "--reply-time -1s is negative"},
		{"--rate-keys", append(good, "--rate-keys=-1"), `--rate-keys "-1": it is a number above 0`},
		{"--rate-bytes", append(good, "--rate-bytes", "10"), "--rate-bytes \"10\": it is a size from 1.0 KiB"},
		{"--max-latency-factor", append(good, "--max-latency-factor", "1"), "--max-latency-factor 1: it is above 1"},
		{"--max-latency-factor negative", append(good, "--max-latency-factor=-2"), "--max-latency-factor -2: it is above 1"},
		{"--max-latency-factor no number", append(good, "--max-latency-factor", "NaN"), "--max-latency-factor NaN: it is above 1"},
		{"--window", append(good, "--window", "23:00"), "--window: window \"23:00\": it is written as 23:00-06:00"},
		{"--window, the second", append(good, "--window", "23:00-06:00,12:00-12:00"), "ends when it begins"},
		{"--sample", append(good, "--sample", "5"), "--sample \"5\" is not a share of the keys, such as 1%"},
		{"--sample of nothing", append(good, "--sample", "0%"), "--sample \"0%\""},
		{"--sample no number", append(good, "--sample", "NaN%"), "--sample \"NaN%\""},
		{"--scan", append(good, "--scan", "fast"), "--scan \"fast\": it is auto, range or scan"},
		{"--streams", append(good, "--streams", "on"), "--streams \"on\": it is auto or off"},
		{"--limit-keys", append(good, "--limit-keys=-1"), "--limit-keys -1 is negative"},
		{"--plan that is not there", append(good, "--plan", filepath.Join(out, "plan.json")), "--plan: open"},
		{"--shard without --plan", append(good, "--shard", "0/2"), "--shard 0/2 without --plan"},
		{"a share to a stream", append(good[:3], "--out", "-", "--plan", "p"), "--out - does not go with --shard"},
		{"a share of the first keys", append(good, "--plan", "p", "--limit-keys", "1"), "--limit-keys does not go with --shard"},
		{"an encrypted shard", append(good, "--plan", "p", "--encrypt-to", "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"), "--encrypt-to does not go with --shard: shards cannot encrypt yet"},
		{"--port", []string{"dump", "--port", "70000", "--out", out}, "--port 70000: it is between 1 and 65535"},
		{"an address without --uri", []string{"dump", "redis://h:9221", "--out", out}, "--uri is missing"},
		{"--uri and --host", append(good, "--host", "h"), "--uri and --host"},
		{"--uri scheme", []string{"dump", "--uri", "http://h", "--out", out}, "http://; it must be redis://"},
		{"--uri with a / in the password", []string{"dump", "--uri", "redis://u:1/pw@h", "--out", out}, "%2F"},
		{"--uri that is none", []string{"dump", "--uri", "redis://:" + wrong + "@h", "--out", out}, "%XX"},
		{"--password-file", append(good, "--password-file", filepath.Join(out, "pw")), "--password-file: open"},
		{"--askpass without a terminal", append(good, "--askpass"), "no terminal"},
		{"--insecure without TLS", append(good, "--insecure"), "--insecure needs --tls"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			runCommand(tc.args...).failed(t, 2, tc.says, "see pikadump ", "--help")
			if left := files(t, out); len(left) > 0 {
				t.Errorf("there are %v", left)
			}
		})
	}
}

// TestUnfit: flags that only the source shows to be wrong.
func TestUnfit(t *testing.T) {
	s := smallpika.Start(t, pikasim.Options{Version: pikasim.V340, Databases: 2})
	for _, tc := range []struct {
		name string
		args []string
		says string
	}{
		{"database too high", []string{"--uri", s.Addr(), "--db", "0,2"}, "--db 2: the source has 2 databases"},
		{"database of the URI too high", []string{"--uri", "redis://" + s.Addr() + "/7"}, "--db 7: the source has 2"},
		{"streams of a version without", []string{"--uri", s.Addr(), "--type", "stream"}, "Pika 3.4.0 has no streams"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "dump")
			args := append([]string{"dump", "--out", out}, tc.args...)
			runCommand(args...).failed(t, 2, tc.says)
			if left := files(t, out); len(left) > 0 {
				t.Errorf("there are %v", left)
			}
		})
	}
}

// TestEnvironment: every flag can be given by its variable.
func TestEnvironment(t *testing.T) {
	s := smallpika.Start(t, pikasim.Options{Password: password})
	out := filepath.Join(t.TempDir(), "dump")
	t.Setenv("PIKADUMP_URI", "redis://"+s.Addr())
	t.Setenv("PIKADUMP_OUT", out)
	runCommand("dump").failed(t, 12, "NOAUTH")
	t.Setenv("REDISCLI_AUTH", password)
	t.Setenv("PIKADUMP_LEVEL", "max")
	runCommand("dump").failed(t, 2, `--level "max"`)
	t.Setenv("PIKADUMP_LEVEL", "better")
	if r := runCommand("dump"); r.code != 0 {
		t.Fatalf("exit code %d: %s", r.code, r.stderr)
	}
	if _, err := os.Stat(filepath.Join(out, "manifest.json")); err != nil {
		t.Error(err)
	}
}

func TestHelp(t *testing.T) {
	top := runCommand("--help")
	if top.code != 0 || top.stderr != "" {
		t.Errorf("exit code %d, stderr %q", top.code, top.stderr)
	}
	for _, want := range []string{"dump ", "version ", exitcode.Help} {
		if !strings.Contains(top.stdout, want) {
			t.Errorf("--help does not show %q:\n%s", want, top.stdout)
		}
	}
	if r := runCommand("--version"); r.code != 0 || !strings.HasPrefix(r.stdout, "pikadump version ") {
		t.Errorf("--version: exit code %d, %q", r.code, r.stdout)
	}
	help := runCommand("dump", "--help")
	if help.code != 0 || help.stderr != "" {
		t.Errorf("exit code %d, stderr %q", help.code, help.stderr)
	}
	for _, want := range []string{"EXAMPLES:", "pikadump dump --uri redis://10.0.0.5:9221 --out /backup/pika", exitcode.Help, "$REDISCLI_AUTH"} {
		if !strings.Contains(help.stdout, want) {
			t.Errorf("dump --help does not show %q:\n%s", want, help.stdout)
		}
	}
	manual.CheckHelp(t, commands(), most, shows)
	manual.CheckPages(t, "pikadump", commands(), shows)
}

func shows(args ...string) string { return runCommand(args...).stdout }

// TestChoices: what completion offers is what the flags take.
func TestChoices(t *testing.T) {
	manual.CheckChoices(t, dumpCommand, strings.Fields("--uri redis://h:1 --out d"), shows, func(c *cli.Context) error {
		_, err := command.Read(c, parseDump)
		return err
	})
}

// TestDumpOptions: each flag of dump sets its option.
func TestDumpOptions(t *testing.T) {
	var got dump.Options
	c := dumpCommand()
	c.Action = func(c *cli.Context) (err error) {
		got, err = command.Read(c, parseDump)
		return err
	}
	app := &cli.App{Writer: io.Discard, ErrWriter: io.Discard, Commands: []*cli.Command{c}}
	err := app.Run(strings.Fields("pikadump dump --uri redis://h:1/3 --out d --resume --type hash --match a* --sample 1% --limit-keys 7 " +
		"--scan range --streams off --no-source-count --reply-time 1s --page-keys 5 --reply-size 64KiB --timeout 2s --retry-for 3s " +
		"--threads 4 --split-keys 6 --chunk-size 128KiB --level better --uploads 8 --spool sp --break-lock --rate-keys 9 --rate-bytes 2KiB " +
		"--max-latency-factor 3 --window 01:00-02:00,03:00-04:00 --source-cache-off --require-consistent --quiet"))
	if err != nil {
		t.Fatal(err)
	}
	r, s, a := got.Reader, got.Selection, got.Archive
	for _, x := range []struct {
		name      string
		got, want any
	}{
		{"reader", []any{r.Addr, r.Scan, r.NoStreams, r.NoCount, r.Latency, r.PageKeys, r.ReplyBytes, r.ReplyTimeout, r.RetryFor},
			[]any{"h:1", reader.ScanRange, true, true, time.Second, 5, 64 << 10, 2 * time.Second, 3 * time.Second}},
		{"selection", []any{s.DBs, s.Types, s.Match, string(s.Prefix()), s.Sample.Share(), s.LimitKeys},
			[]any{[]int{3}, []format.Type{format.TypeHash}, "a*", "a", 0.01, int64(7)}},
		{"archive", []any{a.ChunkBytes, a.Level, a.Uploads, a.Storage}, []any{int64(128 << 10), format.Better, 8, storage.Options{Spool: "sp", BreakLock: true}}},
		{"speed", []any{got.Threads, got.SplitKeys, got.Limits, len(got.Windows)}, []any{4, int64(6), pace.Limits{Keys: 9, Bytes: 2048, LatencyFactor: 3}, 2}},
		{"run", []any{got.Location, got.Resume, got.CacheOff, got.Consistent, got.Meter == nil, got.Stream, got.Shard == nil}, []any{"d", true, true, true, true, nil, true}},
	} {
		if !reflect.DeepEqual(x.got, x.want) {
			t.Errorf("%s: %v, want %v", x.name, x.got, x.want)
		}
	}
}
