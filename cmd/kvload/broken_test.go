package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tidwall/redcon"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// answerProbe answers the probe of the pre-flight as a good server does.
func answerProbe(c redcon.Conn, line string) {
	word, _, _ := strings.Cut(line, " ")
	switch word {
	case "SET":
		c.WriteString("OK")
	case "GET":
		c.WriteBulkString("v\x00\xff")
	case "HGET":
		c.WriteBulkString("v")
	case "PTTL":
		c.WriteInt(59_000)
	default:
		c.WriteInt(1)
	}
}

// startFake starts an empty target that leaves commands which begin with words to broken,
// and takes all others. Broken may block until the test is over.
func startFake(t *testing.T, words string, broken func(c redcon.Conn, over <-chan struct{})) (addr string) {
	t.Helper()
	over := make(chan struct{})
	s := redcon.NewServer("127.0.0.1:0", func(c redcon.Conn, cmd redcon.Command) {
		line := strings.ToUpper(string(bytes.Join(cmd.Args, []byte(" "))))
		switch {
		case len(cmd.Args) > 1 && strings.HasPrefix(string(cmd.Args[1]), "kvload-probe-"):
			answerProbe(c, line)
		case strings.HasPrefix(line, words):
			broken(c, over)
		case line == "INFO SERVER":
			c.WriteBulkString("# Server\r\nredis_version:7.0.0\r\nredis_mode:standalone\r\n")
		case strings.HasPrefix(line, "INFO"):
			c.WriteBulkString("role:master\r\nloading:0\r\n")
		case strings.HasPrefix(line, "SCAN"):
			c.WriteArray(2)
			c.WriteBulkString("0")
			c.WriteArray(0)
		case strings.HasPrefix(line, "TIME"):
			c.WriteArray(2)
			c.WriteBulkString(time.Now().Format("20060102")) // long ago: nothing expires
			c.WriteBulkString("0")
		case strings.HasPrefix(line, "SET"), strings.HasPrefix(line, "MSET"):
			c.WriteString("OK")
		case strings.HasPrefix(line, "TYPE"): // it is empty, whatever is written
			c.WriteString("none")
		case strings.HasPrefix(line, "DEL"):
			c.WriteInt(0)
		case strings.HasPrefix(line, "HSET"):
			c.WriteInt(1)
		default:
			c.WriteError("ERR unknown command")
		}
	}, nil, nil)
	listening := make(chan error, 1)
	go func() { _ = s.ListenServeAndSignal(listening) }()
	if err := <-listening; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		close(over)
		_ = s.Close()
	})
	return s.Addr().String()
}

// TestBrokenTarget: what goes wrong while loading ends the load, which says that part of
// the dump may be there.
func TestBrokenTarget(t *testing.T) {
	cut := func(c redcon.Conn, _ <-chan struct{}) { _ = c.Close() }
	wait := func(_ redcon.Conn, over <-chan struct{}) { <-over }
	say := func(raw string) func(redcon.Conn, <-chan struct{}) {
		return func(c redcon.Conn, _ <-chan struct{}) { c.WriteRaw([]byte(raw)) }
	}
	const partly = "part of the dump is on the target: run again with --resume"
	for _, tc := range []struct {
		name   string
		words  string
		broken func(redcon.Conn, <-chan struct{})
		code   int
		says   []string
	}{
		{"cut at the start", "INFO", cut, 75, []string{"closed the connection", "may want TLS (--tls)"}},
		{"no answer at the start", "INFO", wait, 75, []string{"connect to target", "timeout"}},
		{"cut when counting", "SCAN", cut, 75, []string{"closed the connection"}},
		{"cut when loading", "HSET", cut, 75, []string{`key "h"`, "HSET", "closed the connection", partly}},
		{"no answer when loading", "HSET", wait, 75, []string{`key "h"`, "HSET", "timeout", partly}},
		{"no space", "HSET", say("-ERR IO error: No space left on device\r\n"), 75, []string{`key "h"`, "HSET", "No space left on device", partly}},
		{"became a replica", "HSET", say("-READONLY You can't write against a read only replica.\r\n"), 75, []string{"READONLY", partly}},
		{"somebody else writes", "HSET", say(":0\r\n"), 1, []string{`key "h"`, "HSET", partly}},
		{"unexpected reply", "HSET", say("+WHAT\r\n"), 1, []string{`key "h"`, "HSET", "WHAT", partly}},
		{"no RESP", "HSET", say("HTTP/1.1 400 Bad Request\r\n"), 1, []string{`key "h"`, "HSET", partly}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			addr := startFake(t, tc.words, tc.broken)
			dir := makeDump(t, []format.Record{text("a", "1"), hash("h", "f", "v")})
			runCommand("load", "--uri", addr, "--in", dir, "--timeout", "100ms", "--retry-for", "0").failed(t, tc.code, tc.says...)
		})
	}
}

// TestSignals: the first signal lets what is in flight come to its end, the second ends the
// process at once.
func TestSignals(t *testing.T) {
	var records []format.Record
	for i := range 40 {
		records = append(records, hash(fmt.Sprintf("h%02d", i), "f", "v"))
	}
	dir := makeDump(t, records)
	const stopping = "stopping when what is in flight is done; a second signal stops at once"
	for _, tc := range []struct {
		name   string
		words  string
		signal os.Signal
		twice  bool // the target never answers, and the signal comes twice
		code   int
		says   []string
	}{
		{"Ctrl-C when loading", "HSET", os.Interrupt, false, 130, []string{"stopped by interrupt", "part of the dump is on the target"}},
		{"SIGTERM when loading", "HSET", syscall.SIGTERM, false, 143, []string{"stopped by terminated"}},
		{"Ctrl-C twice when loading", "HSET", os.Interrupt, true, 130, nil},
		{"SIGTERM twice at the start", "INFO", syscall.SIGTERM, true, 143, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			asked, answer := make(chan struct{}, len(records)), make(chan struct{})
			addr := startFake(t, tc.words, func(c redcon.Conn, over <-chan struct{}) {
				asked <- struct{}{}
				select {
				case <-answer:
					c.WriteInt(1)
				case <-over:
				}
			})
			cmd := exec.Command(os.Args[0], "load", "--uri", addr, "--in", dir, "--threads", "1")
			cmd.Env = append(os.Environ(), asCommand+"=1")
			stderr, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			<-asked
			if err := cmd.Process.Signal(tc.signal); err != nil {
				t.Fatal(err)
			}
			said := ""
			for lines := bufio.NewReader(stderr); err == nil; {
				var line string
				line, err = lines.ReadString('\n')
				said += line
				switch {
				case !strings.Contains(line, stopping):
				case tc.twice:
					_ = cmd.Process.Signal(tc.signal)
				default:
					close(answer)
				}
			}
			_ = cmd.Wait() // the code says it
			result{code: cmd.ProcessState.ExitCode(), stderr: said}.failed(t, tc.code, append(tc.says, stopping)...)
		})
	}
}
