package resp

import (
	"errors"
	"io"
	"maps"
	"strings"
	"testing"
	"testing/iotest"
)

// TestBatch: commands are sent as they were given, whole or in parts, and no error shows a
// password.
func TestBatch(t *testing.T) {
	var b Batch
	b.Add("PING")
	b.Add("GET", []byte("a\r\nb"))
	b.Add("SCAN", int64(-12), "COUNT", 840)
	b.Add("AUTH", "secret")
	const want = "*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$4\r\na\r\nb\r\n*4\r\n$4\r\nSCAN\r\n$3\r\n-12\r\n$5\r\nCOUNT\r\n$3\r\n840\r\n*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n"
	if string(b.Bytes()) != want {
		t.Errorf("the batch is %q", b.Bytes())
	}
	var parts []byte
	for i := range b.Len() {
		p := b.Part(i, i+1)
		parts = append(parts, p.Bytes()...)
		if p.Len() != 1 || p.Name(0) != b.Name(i) {
			t.Errorf("part %d: %d commands, %s", i, p.Len(), p.Name(0))
		}
	}
	if string(parts) != want {
		t.Errorf("the parts are %q", parts)
	}
	if got, want := b.Names(), "one of the pipeline of 4 (PING, GET, SCAN, AUTH), the last of them AUTH"; got != want {
		t.Errorf("it calls itself %s", got)
	}
	if got, want := b.Name(1), `GET "a\r\nb"`; got != want {
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
		var buf Buffer
		if err := buf.Fill(r, len(replies)); err != nil || string(buf.b) != all {
			t.Errorf("%s: %d bytes, %v", name, len(buf.b), err)
		}
	}
	for _, tc := range []struct {
		text    string
		replies int
		want    error
	}{
		{all, len(replies) - 1, ErrReply}, // one that nobody asked for
		{all, len(replies) + 1, io.EOF},
		{"$10\r\nabc", 1, io.EOF},
		{"%1\r\n", 1, ErrReply},
		{"\r\n", 1, ErrReply},
		{"$x\r\n", 1, ErrReply},
		{"$101\r\n", 1, ErrTooLarge},
		{"*101\r\n", 1, ErrTooLarge},
		{"+" + strings.Repeat("v", 200), 1, ErrTooLarge},
		{strings.Repeat("+OK\r\n", 50), 50, ErrTooLarge},
	} {
		buf := Buffer{}
		if tc.want == ErrTooLarge {
			buf.Max = 100
		}
		if err := buf.Fill(strings.NewReader(tc.text), tc.replies); !errors.Is(err, tc.want) {
			t.Errorf("%.20q: %v, want %v", tc.text, err, tc.want)
		}
	}
	// What a length claims is not allocated before it comes.
	var buf Buffer
	if err := buf.Fill(strings.NewReader("$900000000\r\nabc"), 1); err != io.EOF || cap(buf.b) > 1<<20 {
		t.Errorf("%v, %d bytes allocated", err, cap(buf.b))
	}
}

// TestFields: a line of any length does not hide those behind it.
func TestFields(t *testing.T) {
	long := strings.Repeat("x", 1<<17)
	got := Fields("# Server\r\n# note: none\r\nrun_id:a:b \r\nslave0:" + long + "\r\n\r\nrole:master")
	want := map[string]string{"run_id": "a:b", "slave0": long, "role": "master"}
	if !maps.Equal(got, want) {
		t.Errorf("%.200v", got)
	}
}
