package writer

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"testing"
)

// plain encodes a request as the protocol says.
func plain(args [][]byte) []byte {
	b := []byte("*" + strconv.Itoa(len(args)) + "\r\n")
	for _, a := range args {
		b = append(b, "$"+strconv.Itoa(len(a))+"\r\n"+string(a)+"\r\n"...)
	}
	return b
}

// TestWire: whatever is put into a wire is sent as the protocol says, and comes out of it again, whichever of
// the requests are sent.
func TestWire(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	rounds := 300
	if testing.Short() {
		rounds = 30
	}
	for range rounds {
		var w wire
		var want [][][]byte
		var requests []request
		for range 1 + rng.IntN(8) {
			w.begin("NAME")
			args := [][]byte{[]byte("NAME")}
			for range rng.IntN(120) {
				size := rng.IntN(40)
				if rng.IntN(20) == 0 {
					size = borrowFrom + rng.IntN(10)
				}
				a := make([]byte, size)
				for i := range a {
					a[i] = byte(rng.Uint32())
				}
				if got := w.bytes(a); got != (size >= borrowFrom) {
					t.Fatalf("%d bytes: borrowed %v", size, got)
				}
				args = append(args, a)
			}
			if rng.IntN(2) == 0 {
				w.number(-12)
				args = append(args, []byte("-12"))
			}
			if rng.IntN(2) == 0 {
				w.join(appendBulk(appendBulk(nil, "k"), "v"), 2)
				args = append(args, []byte("k"), []byte("v"))
			}
			requests, want = append(requests, w.end()), append(want, args)
		}
		var out net.Buffers
		var sent []byte
		for i, r := range requests {
			got := w.arguments(r)
			if len(got) != len(want[i]) {
				t.Fatalf("request %d has %d arguments, want %d", i, len(got), len(want[i]))
			}
			for j := range got {
				if !bytes.Equal(got[j], want[i][j]) {
					t.Fatalf("argument %d of request %d: %d bytes, want %d", j, i, len(got[j]), len(want[i][j]))
				}
			}
			if rng.IntN(4) > 0 { // others are dropped
				out, sent = w.appendTo(out, r), append(sent, plain(want[i])...)
			}
		}
		if got := bytes.Join(out, nil); !bytes.Equal(got, sent) {
			t.Fatalf("%d bytes are sent, want %d", len(got), len(sent))
		}
		w.reset()
		if len(w.buf)+len(w.loans) != 0 {
			t.Fatal("reset leaves something")
		}
	}
}

// TestWirePieces: what stands side by side is sent as one piece.
func TestWirePieces(t *testing.T) {
	var w wire
	var out net.Buffers
	for range 100 {
		w.begin("PING")
		w.end()
	}
	size := len(w.buf) / 100
	for i := range 100 {
		out = w.appendTo(out, request{from: i * size, to: (i + 1) * size})
	}
	if len(out) != 1 {
		t.Errorf("%d pieces", len(out))
	}
}

func TestReadReply(t *testing.T) {
	long := strings.Repeat("x", 100<<10)
	for in, want := range map[string]reply{
		"+OK\r\n":                               {kind: '+', text: "OK"},
		"+QUEUED\r\n":                           {kind: '+', text: "QUEUED"},
		"-ERR no\r\n":                           {kind: '-', text: "ERR no"},
		"-" + long + "\r\n":                     {kind: '-', text: long},
		":-7\r\n":                               {kind: ':', n: -7},
		"$-1\r\n":                               {kind: '-', text: "(nil)"},
		"$0\r\n\r\n":                            {kind: '$'},
		"$3\r\na\r\n\r\n":                       {kind: '$', text: "a\r\n"},
		"$" + "102400" + "\r\n" + long + "\r\n": {kind: '$', text: long},
	} {
		var got reply
		r := bufio.NewReaderSize(strings.NewReader(in+"rest"), 16)
		if err := readReply(r, &got); err != nil || got != want {
			t.Errorf("%.20q: %.40v, %v", in, got, err)
		}
		if rest, _ := io.ReadAll(r); string(rest) != "rest" {
			t.Errorf("%.20q leaves %.20q", in, rest)
		}
	}
	for _, in := range []string{"\r\n", "x\n", ":\r\n", ":1x\r\n", ":99999999999999999999\r\n", "$x\r\n", "$-2\r\n", "$99999999999\r\n",
		"*1\r\n+OK\r\n", "%1\r\n", "OK\r\n", "+OK\n", "-" + strings.Repeat("x", 2<<20)} {
		if err := readReply(bufio.NewReader(strings.NewReader(in)), new(reply)); !errors.Is(err, errReply) {
			t.Errorf("%.20q: %v", in, err)
		}
	}
	for _, in := range []string{"", "+", "+OK\r", "$3\r\nab"} {
		if err := readReply(bufio.NewReader(strings.NewReader(in)), new(reply)); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: %v", in, err)
		}
	}
}
