package reader

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// TestBatch: commands are sent as they were given, whole or in parts, and no error shows a password.
func TestBatch(t *testing.T) {
	var b batch
	b.add("PING")
	b.add("GET", []byte("a\r\nb"))
	b.add("SCAN", int64(-12), "COUNT", 840)
	b.add("AUTH", "secret")
	const want = "*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$4\r\na\r\nb\r\n*4\r\n$4\r\nSCAN\r\n$3\r\n-12\r\n$5\r\nCOUNT\r\n$3\r\n840\r\n*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n"
	if string(b.b) != want {
		t.Errorf("the batch is %q", b.b)
	}
	var parts []byte
	for i := range b.len() {
		p := b.part(i, i+1)
		parts = append(parts, p.b...)
		if p.len() != 1 || p.name(0) != b.name(i) {
			t.Errorf("part %d: %d commands, %s", i, p.len(), p.name(0))
		}
	}
	if string(parts) != want {
		t.Errorf("the parts are %q", parts)
	}
	if got, want := b.names(), "one of 4 commands (PING, GET, SCAN, AUTH), the last of them AUTH"; got != want {
		t.Errorf("it calls itself %s", got)
	}
	if got, want := b.name(1), `GET "a\r\nb"`; got != want {
		t.Errorf("a command calls itself %s", got)
	}
}

// TestFill: replies are taken in whole however they arrive, and nothing but replies.
func TestFill(t *testing.T) {
	replies := []string{"+OK\r\n", ":12\r\n", "$-1\r\n", "$0\r\n\r\n", "$5\r\na\r\nb\n\r\n", "*-1\r\n", "*0\r\n", "-ERR a\nb\r\n",
		"*2\r\n$1\r\na\r\n*2\r\n:1\r\n$2\r\nxy\r\n", "$70000\r\n" + strings.Repeat("v", 70000) + "\r\n"}
	all := strings.Join(replies, "")
	for name, r := range map[string]io.Reader{
		"at once": strings.NewReader(all), "byte by byte": iotest.OneByteReader(strings.NewReader(all)),
		"in halves": iotest.HalfReader(strings.NewReader(all)), "with the end": iotest.DataErrReader(strings.NewReader(all)),
	} {
		var buf replyBuffer
		if err := buf.fill(r, len(replies)); err != nil || string(buf.b) != all {
			t.Errorf("%s: %d bytes, %v", name, len(buf.b), err)
		}
	}
	for _, tc := range []struct {
		text    string
		replies int
		want    error
	}{
		{all, len(replies) - 1, errReply}, // one that nobody asked for
		{all, len(replies) + 1, io.EOF},
		{"$10\r\nabc", 1, io.EOF},
		{"%1\r\n", 1, errReply},
		{"\r\n", 1, errReply},
		{"$x\r\n", 1, errReply},
		{"$101\r\n", 1, errReplyTooLarge},
		{"*101\r\n", 1, errReplyTooLarge},
		{"+" + strings.Repeat("v", 200), 1, errReplyTooLarge},
		{strings.Repeat("+OK\r\n", 50), 50, errReplyTooLarge},
	} {
		buf := replyBuffer{}
		if tc.want == errReplyTooLarge {
			buf.max = 100
		}
		if err := buf.fill(strings.NewReader(tc.text), tc.replies); !errors.Is(err, tc.want) {
			t.Errorf("%.20q: %v, want %v", tc.text, err, tc.want)
		}
	}
	// What a length claims is not allocated before it comes.
	var buf replyBuffer
	if err := buf.fill(strings.NewReader("$900000000\r\nabc"), 1); err != io.EOF || cap(buf.b) > 1<<20 {
		t.Errorf("%v, %d bytes allocated", err, cap(buf.b))
	}
}

// An aheadSink waits at its first record until the server was asked for more.
type aheadSink struct {
	*gathered
	asked func() bool
}

func (s *aheadSink) Record(r *format.Record) error {
	for start := time.Now(); len(s.keys) == 0 && !s.asked(); time.Sleep(time.Millisecond) {
		if time.Since(start) > 30*time.Second {
			return errors.New("nothing more was asked for while the sink was at work")
		}
	}
	return s.gathered.Record(r)
}

// TestAhead: while the sink is at work the server has the next request, but not where a pacer
// wants to decide first.
func TestAhead(t *testing.T) {
	srv, c := startSim(t, pikasim.Options{Version: pikasim.V401})
	for i := range 40 {
		mustDo(t, c, "SET", fmt.Sprintf("k%02d", i), "v")
	}
	s := open(t, Options{Addr: srv.Addr(), PageKeys: 8})
	before := srv.Commands()["pkscanrange"]
	// The first page, the second with the keys of the first, and the third.
	sink := &aheadSink{newGathered(t), func() bool { return srv.Commands()["pkscanrange"] >= before+3 }}
	if err := s.Scan(t.Context(), NewPass(0, format.TypeString, nil, nil), sink); err != nil {
		t.Error(err)
	}
	s = open(t, Options{Addr: srv.Addr(), PageKeys: 8, Pacer: &heldUp{}})
	before = srv.Commands()["pkscanrange"]
	sink = &aheadSink{newGathered(t), func() bool { return true }}
	check := &checkSink{sink, func() {
		if n := srv.Commands()["pkscanrange"] - before; n != 2 {
			t.Errorf("with a pacer, %d pages were asked for before the first key was handed over", n)
		}
	}}
	if err := s.Scan(t.Context(), NewPass(0, format.TypeString, nil, nil), check); err != nil {
		t.Error(err)
	}
}

// A checkSink calls first before the first record.
type checkSink struct {
	*aheadSink
	first func()
}

func (s *checkSink) Record(r *format.Record) error {
	if len(s.keys) == 0 {
		s.first()
	}
	return s.aheadSink.Record(r)
}

// TestCutAnywhere: wherever the connection is cut once, with a flight ahead or in the pieces of a
// large key, the pass goes on and hands over the same.
func TestCutAnywhere(t *testing.T) {
	var sent, at atomic.Int64 // commands since at was set; which one is cut
	srv, c := startSim(t, pikasim.Options{Intercept: func(int, [][]byte) ([]byte, bool, bool) {
		return nil, false, at.Load() > 0 && sent.Add(1) == at.Load()
	}})
	for i := range 12 {
		for j := range 1 + i%3*5 {
			mustDo(t, c, "HSET", fmt.Sprintf("k%02d", i), fmt.Sprint("field", j), bytes.Repeat([]byte("v"), 10))
		}
	}
	s := open(t, Options{Addr: srv.Addr(), PageKeys: 4, BatchKeys: 3, PieceElements: 4})
	want := scan(t, s, NewPass(0, format.TypeHash, nil, nil))
	at.Store(1 << 40)
	scan(t, s, NewPass(0, format.TypeHash, nil, nil))
	total := sent.Load()
	if len(want.keys) != 12 || total < 40 {
		t.Fatalf("%d keys in %d commands", len(want.keys), total)
	}
	for n := int64(5); n <= total; n++ { // the first four open the connection
		sent.Store(0)
		at.Store(n)
		got := scan(t, s, NewPass(0, format.TypeHash, nil, nil))
		if !slices.Equal(got.keys, want.keys) || fmt.Sprint(got.values) != fmt.Sprint(want.values) || len(got.skipped) > 0 {
			t.Fatalf("cut at command %d of %d: %d keys, skipped %v", n, total, len(got.keys), got.skipped)
		}
	}
}
