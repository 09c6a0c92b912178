package writer

import (
	"net"
	"strconv"
)

// A wire is requests as they go over a connection. Arguments are copied into it, but for large ones, which
// are borrowed until they are sent.
type wire struct {
	buf   []byte
	loans []loan
	from  int // where the request that is being built begins
	argc  int
	first int // its first loan
}

// A loan is bytes that stand before buf[at].
type loan struct {
	at    int
	bytes []byte
}

// A request is a part of a wire.
type request struct {
	from, to      int // in buf
	first, behind int // in loans
}

// borrowFrom is the size from which an argument is not copied.
const borrowFrom = 64 << 10

// begin starts a request.
func (w *wire) begin(name string) {
	w.from, w.first, w.argc = len(w.buf), len(w.loans), 0
	w.buf = append(w.buf, "*0\r\n"...) // end puts the number in
	w.word(name)
}

// word adds an argument of the protocol.
func (w *wire) word(s string) {
	w.argc++
	w.buf = appendBulk(w.buf, s)
}

// number adds an integer.
func (w *wire) number(n int64) {
	var text [20]byte
	w.argc++
	w.buf = appendBulk(w.buf, strconv.AppendInt(text[:0], n, 10))
}

// bytes adds an argument, and reports whether it is borrowed.
func (w *wire) bytes(p []byte) (borrowed bool) {
	w.argc++
	if len(p) < borrowFrom {
		w.buf = appendBulk(w.buf, p)
		return false
	}
	w.buf = appendLength(w.buf, len(p))
	w.loans = append(w.loans, loan{len(w.buf), p})
	w.buf = append(w.buf, "\r\n"...)
	return true
}

// join adds arguments that appendBulk has made.
func (w *wire) join(args []byte, n int) {
	w.argc += n
	w.buf = append(w.buf, args...)
}

func appendBulk[T []byte | string](dst []byte, v T) []byte {
	dst = append(appendLength(dst, len(v)), v...)
	return append(dst, "\r\n"...)
}

func appendLength(dst []byte, n int) []byte {
	dst = strconv.AppendInt(append(dst, '$'), int64(n), 10)
	return append(dst, "\r\n"...)
}

// end completes the request.
func (w *wire) end() request {
	if w.argc < 10 {
		w.buf[w.from+1] = byte('0' + w.argc)
	} else {
		var text [20]byte
		digits := strconv.AppendInt(text[:0], int64(w.argc), 10)
		more := len(digits) - 1
		w.buf = append(w.buf, digits[:more]...) // room; the rest is moved by it
		copy(w.buf[w.from+1+more:], w.buf[w.from+1:len(w.buf)-more])
		copy(w.buf[w.from+1:], digits)
		for i := w.first; i < len(w.loans); i++ {
			w.loans[i].at += more
		}
	}
	return request{w.from, len(w.buf), w.first, len(w.loans)}
}

// arguments returns what was put into a request.
func (w *wire) arguments(r request) [][]byte {
	var args [][]byte
	loans := w.loans[r.first:r.behind]
	at := r.from
	head := func() int {
		end := at + 1
		for w.buf[end] != '\r' {
			end++
		}
		n, _ := strconv.Atoi(string(w.buf[at+1 : end]))
		at = end + 2
		return n
	}
	for range head() {
		n := head()
		if len(loans) > 0 && loans[0].at == at && len(loans[0].bytes) == n && n > 0 {
			args, loans = append(args, loans[0].bytes), loans[1:]
		} else {
			args = append(args, w.buf[at:at+n:at+n])
			at += n
		}
		at += 2
	}
	return args
}

// appendTo adds a request to what is to be sent. Requests that stand side by side become one piece.
func (w *wire) appendTo(out net.Buffers, r request) net.Buffers {
	at := r.from
	for _, l := range w.loans[r.first:r.behind] {
		out = append(w.appendPiece(out, at, l.at), l.bytes)
		at = l.at
	}
	return w.appendPiece(out, at, r.to)
}

func (w *wire) appendPiece(out net.Buffers, from, to int) net.Buffers {
	if n := len(out); n > 0 {
		last := out[n-1]
		// It goes on where the last piece ends.
		if end := len(last); end > 0 && from > 0 && &last[end-1] == &w.buf[from-1] {
			out[n-1] = last[:end+to-from]
			return out
		}
	}
	return append(out, w.buf[from:to])
}

// reset forgets everything but the memory.
func (w *wire) reset() {
	clear(w.loans)
	*w = wire{buf: w.buf[:0], loans: w.loans[:0]}
}
