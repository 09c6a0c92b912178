package resp

import (
	"bytes"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"testing"
)

// encoded is a request as the protocol says.
func encoded(args [][]byte) []byte {
	b := []byte("*" + strconv.Itoa(len(args)) + "\r\n")
	for _, a := range args {
		b = append(b, "$"+strconv.Itoa(len(a))+"\r\n"+string(a)+"\r\n"...)
	}
	return b
}

// TestEncoder: whatever is put into an Encoder is sent as the protocol says, and comes out of it
// again, whichever of the requests are sent.
func TestEncoder(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	rounds := 300
	if testing.Short() {
		rounds = 30
	}
	for range rounds {
		var w Encoder
		var want [][][]byte
		var requests []Request
		for range 1 + rng.IntN(8) {
			w.Begin("NAME")
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
				if got := w.Bytes(a); got != (size >= borrowFrom) {
					t.Fatalf("%d bytes: borrowed %v", size, got)
				}
				args = append(args, a)
			}
			if rng.IntN(2) == 0 {
				w.Number(-12)
				args = append(args, []byte("-12"))
			}
			if rng.IntN(2) == 0 {
				w.Join(AppendBulk(AppendBulk(nil, "k"), "v"), 2)
				args = append(args, []byte("k"), []byte("v"))
			}
			requests, want = append(requests, w.End()), append(want, args)
		}
		var out net.Buffers
		var sent []byte
		for i, r := range requests {
			got := w.Arguments(r)
			if len(got) != len(want[i]) {
				t.Fatalf("request %d has %d arguments, want %d", i, len(got), len(want[i]))
			}
			for j := range got {
				if !bytes.Equal(got[j], want[i][j]) {
					t.Fatalf("argument %d of request %d: %d bytes, want %d", j, i, len(got[j]), len(want[i][j]))
				}
			}
			if rng.IntN(4) > 0 { // others are dropped
				out, sent = w.AppendTo(out, r), append(sent, encoded(want[i])...)
			}
		}
		if got := bytes.Join(out, nil); !bytes.Equal(got, sent) {
			t.Fatalf("%d bytes are sent, want %d", len(got), len(sent))
		}
		w.Reset()
		if len(w.buf)+len(w.loans) != 0 {
			t.Fatal("reset leaves something")
		}
	}
}

// TestEncoderParts: what stands side by side is sent as one part.
func TestEncoderParts(t *testing.T) {
	var w Encoder
	var out net.Buffers
	for range 100 {
		w.Begin("PING")
		w.End()
	}
	size := len(w.buf) / 100
	for i := range 100 {
		out = w.AppendTo(out, Request{from: i * size, to: (i + 1) * size})
	}
	if len(out) != 1 {
		t.Errorf("%d parts", len(out))
	}
}

// TestLine: requests of one line, filled up, stand among others.
func TestLine(t *testing.T) {
	var w Encoder
	var out net.Buffers
	w.BeginLine("PING")
	out = w.AppendTo(out, w.End())
	w.BeginLine("HSCAN")
	w.Bytes([]byte("a:{key}-of-no-special-length"))
	w.Word("0")
	w.Number(-12)
	out = w.AppendTo(out, w.End())
	out = w.AppendTo(out, w.Request("GET", []byte("k")))
	want := "PING" + strings.Repeat(" ", 27) + "\r\nHSCAN a:{key}-of-no-special-length 0 -12\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"
	if got := string(bytes.Join(out, nil)); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for _, odd := range []string{"", " ", "a b", "\t", "a\n", "\r", "\x00", "\x7f", "\xff", "é", `"`, "'", `\`} {
		if IsPlain([]byte(odd)) {
			t.Errorf("%q is plain", odd)
		}
	}
}
