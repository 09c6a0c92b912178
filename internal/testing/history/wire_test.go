package history

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

// A wire is a proxy before a target that sees every command before the target does.
type wire struct {
	h      *history
	lis    net.Listener
	server string
	before func(args [][]byte) fault // called for one command at a time
	note   func(args [][]byte)       // called with each command that a client has sent, also where it is gone
	alter  func(args [][]byte)       // may change a command before it is sent

	turn   sync.Mutex     // of commands
	wg     sync.WaitGroup // of all connections
	active sync.WaitGroup // of those whose client is there, or whose server still runs what it has sent
	mu     sync.Mutex
	conns  map[net.Conn]bool
	held   []*link
}

// A fault is what happens to a connection instead of a command. The server has run what came
// before.
type fault int

const (
	none  fault = iota
	cut         // the connection is gone, and the command with it
	after       // the client is cut off; the server runs the command, and what the client had sent behind it
	late        // the same, but the server runs it when release is called
	stall       // the same, but the client is not cut off: it gives up
)

// A link is a connection through the wire.
type link struct {
	client, server *net.TCPConn
	drained        chan struct{} // closed when the server has closed its side
	data           []byte        // what is held of a client that is gone
}

func startWire(h *history, server string) *wire {
	h.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	h.must(err)
	w := &wire{h: h, lis: lis, server: server, conns: map[net.Conn]bool{}}
	w.wg.Go(w.accept)
	h.Cleanup(w.close)
	return w
}

func (w *wire) addr() string { return w.lis.Addr().String() }

func (w *wire) close() {
	_ = w.lis.Close()
	w.mu.Lock()
	for c := range w.conns {
		_ = c.Close()
	}
	w.mu.Unlock()
	w.wg.Wait()
}

func (w *wire) accept() {
	for {
		client, err := w.lis.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", w.server)
		if err != nil {
			reset(client)
			continue
		}
		w.mu.Lock()
		w.conns[client], w.conns[server] = true, true
		w.mu.Unlock()
		l := &link{client: client.(*net.TCPConn), server: server.(*net.TCPConn), drained: make(chan struct{})}
		w.wg.Go(l.down)
		w.active.Add(1)
		w.wg.Go(func() {
			defer w.active.Done()
			w.up(l)
		})
	}
}

func reset(c net.Conn) {
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}

// down sends the client what the server answers, as long as there is one.
func (l *link) down() {
	defer close(l.drained)
	_, _ = io.Copy(l.client, l.server)
	_, _ = io.Copy(io.Discard, l.server)
	_ = l.client.Close()
}

// finish has the server run what has been sent to it, and waits until it has.
func (l *link) finish() {
	_ = l.server.CloseWrite()
	select {
	case <-l.drained:
	case <-time.After(5 * time.Second): // it is stopped
	}
	_ = l.server.Close()
}

// up forwards commands.
func (w *wire) up(l *link) {
	in := bufio.NewReaderSize(l.client, 256<<10)
	var out []byte
	flush := func() {
		_, _ = l.server.Write(out)
		out = out[:0]
	}
	for {
		args, err := readCommand(in)
		if err != nil {
			break
		}
		w.turn.Lock()
		f := w.before(args)
		w.note(args)
		w.alter(args)
		w.turn.Unlock()
		if f != none {
			flush()
			w.disturb(f, args, in, l)
			return
		}
		if out = appendCommand(out, args); in.Buffered() == 0 {
			flush()
		}
	}
	flush()
	reset(l.client)
	l.finish()
}

// disturb does to a connection what a fault is.
func (w *wire) disturb(f fault, args [][]byte, in *bufio.Reader, l *link) {
	l.data = appendCommand(nil, args)
	for { // what is under way already
		if f != stall {
			_ = l.client.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		}
		more, err := readCommand(in)
		if err != nil {
			break
		}
		w.turn.Lock()
		w.note(more)
		w.turn.Unlock()
		l.data = appendCommand(l.data, more)
	}
	if f == cut {
		l.data = nil
	}
	reset(l.client)
	if f == late || f == stall {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.held = append(w.held, l)
		return
	}
	_, _ = l.server.Write(l.data)
	l.finish()
}

// settle waits until the servers have run all that clients which are gone have sent, but for what
// is held.
func (w *wire) settle() { w.active.Wait() }

// release has the server run all that is held, where it has not closed the connection.
func (w *wire) release() {
	w.mu.Lock()
	all := w.held
	w.held = nil
	w.mu.Unlock()
	for _, l := range all {
		w.h.tell("now the target runs %d bytes of a lost connection", len(l.data))
		_, _ = l.server.Write(l.data)
		l.finish()
	}
}

// readCommand reads an array of bulk strings.
func readCommand(in *bufio.Reader) ([][]byte, error) {
	n, err := readCount(in, '*')
	if err != nil {
		return nil, err
	}
	args := make([][]byte, n)
	for i := range args {
		size, err := readCount(in, '$')
		if err != nil {
			return nil, err
		}
		args[i] = make([]byte, size+2)
		if _, err := io.ReadFull(in, args[i]); err != nil {
			return nil, err
		}
		args[i] = args[i][:size]
	}
	return args, nil
}

func readCount(in *bufio.Reader, mark byte) (int, error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if line[0] != mark {
		return 0, fmt.Errorf("%q where %q should begin", line, mark)
	}
	return strconv.Atoi(string(bytes.TrimSpace(line[1:])))
}

func appendCommand(b []byte, args [][]byte) []byte {
	b = fmt.Appendf(b, "*%d\r\n", len(args))
	for _, a := range args {
		b = fmt.Appendf(b, "$%d\r\n", len(a))
		b = append(append(b, a...), "\r\n"...)
	}
	return b
}
