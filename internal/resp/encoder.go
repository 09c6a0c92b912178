package resp

import (
	"net"
	"strconv"
)

// An Encoder holds requests as they go over a connection. Arguments are copied into it, but for
// large ones, which are borrowed until they are sent.
type Encoder struct {
	buf   []byte
	loans []loan
	from  int // where the request that is being built begins
	argc  int
	line  bool // it is one line
	first int  // its first loan
}

// A loan is bytes that stand before buf[at].
type loan struct {
	at    int
	bytes []byte
}

// A Request is a part of an Encoder.
type Request struct {
	from, to      int // in buf
	first, behind int // in loans
}

// borrowFrom is the size from which an argument is not copied.
const borrowFrom = 64 << 10

// Begin starts a request.
func (e *Encoder) Begin(name string) {
	e.from, e.first, e.argc = len(e.buf), len(e.loans), 0
	e.buf = append(e.buf, "*0\r\n"...) // End puts the number in
	e.Word(name)
}

// LineBytes is the most that a line may have.
const LineBytes = 16 << 10

// leastLine is what a line is filled up to: a Kvrocks that finds more than 128 requests in the
// 4 KiB that it reads at once writes that to its log.
const leastLine = 33

// BeginLine starts a request that goes as one line, words with spaces between them: it costs a
// server less than a length for each. Arguments must be IsPlain; Arguments does not know it.
func (e *Encoder) BeginLine(name string) {
	e.from, e.first, e.line = len(e.buf), len(e.loans), true
	e.buf = append(e.buf, name...)
}

// IsPlain reports whether an argument can stand in a line.
func IsPlain(arg []byte) bool {
	for _, b := range arg {
		if b <= ' ' || b > '~' || b == '"' || b == '\'' || b == '\\' {
			return false
		}
	}
	return len(arg) > 0
}

// Word adds an argument of the protocol.
func (e *Encoder) Word(s string) { add(e, s) }

// add adds an argument that is copied.
func add[T []byte | string](e *Encoder, v T) {
	if e.line {
		e.buf = append(append(e.buf, ' '), v...)
		return
	}
	e.argc++
	e.buf = AppendBulk(e.buf, v)
}

// Number adds an integer.
func (e *Encoder) Number(n int64) {
	var text [20]byte
	add(e, strconv.AppendInt(text[:0], n, 10))
}

// Bytes adds an argument, and reports whether it is borrowed.
func (e *Encoder) Bytes(p []byte) (borrowed bool) {
	if len(p) < borrowFrom {
		add(e, p)
		return false
	}
	e.argc++
	e.buf = AppendHead(e.buf, '$', len(p))
	e.loans = append(e.loans, loan{len(e.buf), p})
	e.buf = append(e.buf, "\r\n"...)
	return true
}

// Join adds arguments that AppendBulk has made.
func (e *Encoder) Join(args []byte, n int) {
	e.argc += n
	e.buf = append(e.buf, args...)
}

// End completes the request.
func (e *Encoder) End() Request {
	if e.line {
		for len(e.buf)-e.from < leastLine-len("\r\n") {
			e.buf = append(e.buf, ' ')
		}
		e.buf, e.line = append(e.buf, "\r\n"...), false
	} else if e.argc < 10 {
		e.buf[e.from+1] = byte('0' + e.argc)
	} else {
		var text [20]byte
		digits := strconv.AppendInt(text[:0], int64(e.argc), 10)
		more := len(digits) - 1
		e.buf = append(e.buf, digits[:more]...) // room; the rest is moved by it
		copy(e.buf[e.from+1+more:], e.buf[e.from+1:len(e.buf)-more])
		copy(e.buf[e.from+1:], digits)
		for i := e.first; i < len(e.loans); i++ {
			e.loans[i].at += more
		}
	}
	return Request{e.from, len(e.buf), e.first, len(e.loans)}
}

// Any adds an argument that is a string, bytes or an integer.
func (e *Encoder) Any(arg any) {
	if p, ok := arg.([]byte); ok {
		e.Bytes(p)
		return
	}
	e.argc++
	e.buf = appendArgument(e.buf, arg)
}

// Request adds a whole request.
func (e *Encoder) Request(name string, args ...any) Request {
	e.Begin(name)
	for _, arg := range args {
		e.Any(arg)
	}
	return e.End()
}

// Size returns how many bytes are to be sent, nearly.
func (e *Encoder) Size() int {
	n := len(e.buf)
	for _, l := range e.loans {
		n += len(l.bytes)
	}
	return n
}

// Arguments returns what was put into a request: its name, and what follows.
func (e *Encoder) Arguments(r Request) [][]byte {
	var args [][]byte
	loans := e.loans[r.first:r.behind]
	at := r.from
	head := func() int {
		end := at + 1
		for e.buf[end] != '\r' {
			end++
		}
		n, _ := strconv.Atoi(string(e.buf[at+1 : end]))
		at = end + 2
		return n
	}
	for range head() {
		n := head()
		if len(loans) > 0 && loans[0].at == at && len(loans[0].bytes) == n && n > 0 {
			args, loans = append(args, loans[0].bytes), loans[1:]
		} else {
			args = append(args, e.buf[at:at+n:at+n])
			at += n
		}
		at += 2
	}
	return args
}

// AppendTo adds a request to what is to be sent. Requests that stand side by side become one part.
func (e *Encoder) AppendTo(out net.Buffers, r Request) net.Buffers {
	at := r.from
	for _, l := range e.loans[r.first:r.behind] {
		out = append(e.appendPart(out, at, l.at), l.bytes)
		at = l.at
	}
	return e.appendPart(out, at, r.to)
}

func (e *Encoder) appendPart(out net.Buffers, from, to int) net.Buffers {
	if n := len(out); n > 0 {
		last := out[n-1]
		// It goes on where the last part ends.
		if end := len(last); end > 0 && from > 0 && &last[end-1] == &e.buf[from-1] {
			out[n-1] = last[:end+to-from]
			return out
		}
	}
	return append(out, e.buf[from:to])
}

// Reset forgets everything but the memory.
func (e *Encoder) Reset() {
	clear(e.loans)
	*e = Encoder{buf: e.buf[:0], loans: e.loans[:0]}
}
