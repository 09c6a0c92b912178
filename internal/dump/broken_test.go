package dump

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// TestBrokenScan: what goes wrong in the middle of a scan ends it, names what was asked,
// and leaves an unfinished dump.
func TestBrokenScan(t *testing.T) {
	for _, tc := range []struct {
		name  string
		words string // of the command that is not answered as it should be
		reply string // empty: the connection is cut
		kind  error
		says  []string
	}{
		{"cut when listing", "PKSCANRANGE HASH", "", reader.ErrUnavailable, []string{"db0 hash", "connection lost at PKSCANRANGE hash"}},
		{"cut when reading", "PKHSCANRANGE", "", reader.ErrUnavailable, []string{"db0 hash", "connection lost at"}},
		{"cut in the middle of a reply", "PKSCANRANGE HASH", "*2\r\n$0\r\n\r\n*1\r\n$50\r\nhalf", reader.ErrUnavailable, []string{"connection lost at PKSCANRANGE hash"}},
		{"no list of keys", "PKSCANRANGE HASH", ":5\r\n", nil, []string{"db0 hash", "PKSCANRANGE", `":5"`}},
		{"error reply when listing", "PKSCANRANGE HASH", "-ERR IO error: no such file\r\n", nil, []string{"db0 hash", "ERR IO error: no such file"}},
		{"keys out of order", "PKSCANRANGE HASH", "*2\r\n$0\r\n\r\n*2\r\n$1\r\nb\r\n$1\r\na\r\n", nil, []string{`key "a" after "b"`, "not in byte order"}},
		{"unexpected expiry", "PTTL H", "$1\r\n5\r\n", nil, []string{`"h"`, "$1"}},
		{"not RESP", "PKSCANRANGE HASH", "HTTP/1.1 400 Bad Request\r\n", reader.ErrUnavailable, []string{"PKSCANRANGE hash"}},
	} { // what a single key answers is listed, see unreadable_test.go of the reader
		t.Run(tc.name, func(t *testing.T) {
			s := smallpika.Start(t, pikasim.Options{Version: pikasim.V401, Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
				if !smallpika.IsOfScan(args, tc.words) {
					return nil, false, false
				}
				return []byte(tc.reply), true, tc.kind != nil
			}})
			out := newDir(t)
			r := makeDump(t, s.Addr(), out)
			if errors.Is(r.err, reader.ErrUnavailable) != (tc.kind != nil) {
				t.Errorf("%v: what passes by itself is another kind", r.err)
			}
			r.failed(t, cmp.Or(tc.kind, r.err), append(tc.says, out+" holds an unfinished dump: --resume")...)
			unfinished(t, out)
			if !slices.Contains(files(t, out), "dump.json") {
				t.Errorf("no dump.json in %v", files(t, out))
			}
			makeDump(t, s.Addr(), out).failed(t, archive.ErrExists, "holds an unfinished dump")
		})
	}
}

// blocking starts a Pika that does not answer such a command until the test is over. It
// says so on the channel when it is asked.
func blocking(t *testing.T, words string) (*pikasim.Server, <-chan struct{}) {
	t.Helper()
	asked, over := make(chan struct{}, 16), make(chan struct{})
	s := smallpika.Start(t, pikasim.Options{Version: pikasim.V401, Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
		if !smallpika.IsOfScan(args, words) {
			return nil, false, false
		}
		asked <- struct{}{}
		<-over
		return nil, true, true
	}})
	t.Cleanup(func() { close(over) })
	return s, asked
}

// soon does not wait long for a reply, but for one that a busy machine delays.
func soon(o *Options) { o.Reader.ReplyTimeout = 500 * time.Millisecond }

// TestNoReply: a source that does not answer is named with what it was asked.
func TestNoReply(t *testing.T) {
	for _, tc := range []struct{ name, words, says string }{
		{"at the start", "INFO SERVER", "no reply to INFO server in time"},
		{"when listing", "PKSCANRANGE ZSET", "no reply to PKSCANRANGE zset in time"},
		{"when reading", "LRANGE", "no reply to one of the pipeline of 4 (LRANGE, TIME, PTTL), the last of them TIME"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, _ := blocking(t, tc.words)
			out := newDir(t)
			makeDump(t, s.Addr(), out, soon).failed(t, reader.ErrUnavailable, "source unavailable", "in time", tc.says)
			unfinished(t, out)
		})
	}
}

// TestNoReplyResumes: a command that hangs, as a Pika's do under its cache, is named, and the dump
// can be resumed.
func TestNoReplyResumes(t *testing.T) {
	for _, words := range []string{"LRANGE", "PTTL", "SSCAN", "PKSCANRANGE SET"} {
		var answer atomic.Bool
		over := make(chan struct{})
		s := smallpika.Start(t, pikasim.Options{Version: pikasim.V401, Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
			if !smallpika.IsOfScan(args, words) || answer.Load() {
				return nil, false, false
			}
			<-over
			return nil, true, true
		}})
		t.Cleanup(func() { close(over) })
		out := newDir(t)
		name, _, _ := strings.Cut(words, " ")
		makeDump(t, s.Addr(), out, soon).failed(t, reader.ErrUnavailable, "source unavailable", "no reply to ", name, "in time", "--resume resumes it")
		unfinished(t, out)
		answer.Store(true)
		makeDump(t, s.Addr(), out, resume).ok(t)
		if m, _ := smallpika.Dumped(t, out); len(m.Skipped) > 0 {
			t.Errorf("%s: skipped %v", words, m.Skipped)
		}
	}
}
