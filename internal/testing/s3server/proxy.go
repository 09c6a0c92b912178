package s3server

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/retry"
)

// A Fault is what happens to one request. The zero value is nothing.
type Fault struct {
	Status   int           // it is answered with this status and Body, and goes no further
	Body     string        // of that answer
	Delay    time.Duration // before it goes on
	Lost     bool          // it is done, but the connection breaks before the answer
	CutAfter int64         // the connection breaks behind so many bytes of the answer's body; 0: it does not
	FlipAt   int64         // the byte behind so many of the answer's body is another; 0: none is
}

// A Proxy stands before the server.
type Proxy struct {
	front *httptest.Server

	fault atomic.Pointer[func(*http.Request) Fault]
	sent  atomic.Int64

	mu  sync.Mutex
	log []string
}

// StartProxy puts a Proxy before a server that listens at addr.
func StartProxy(t testing.TB, addr string) *Proxy {
	p := &Proxy{}
	p.SetFault(nil)
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: addr})
			r.Out.Host = r.In.Host // it is signed
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		Transport:    &http.Transport{DisableCompression: true},
	}
	p.front = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.log = append(p.log, r.Method+" "+r.URL.Path)
		p.mu.Unlock()
		var f Fault
		if ask := *p.fault.Load(); ask != nil {
			f = ask(r)
		}
		_ = retry.Sleep(r.Context(), f.Delay)
		if f.Status != 0 {
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(f.Status)
			_, _ = io.WriteString(w, f.Body)
			return
		}
		forward.ServeHTTP(&faulty{ResponseWriter: w, f: f, all: &p.sent}, r)
		if f.Lost {
			panic(http.ErrAbortHandler)
		}
	}))
	// A client that is killed leaves requests behind that nobody answers.
	t.Cleanup(func() { p.front.CloseClientConnections(); p.front.Close() })
	return p
}

// Addr returns where the proxy listens.
func (p *Proxy) Addr() string { return strings.TrimPrefix(p.front.URL, "http://") }

// SetFault sets what is asked about each request from now on; nil: all go through. It is called
// from many goroutines.
func (p *Proxy) SetFault(f func(*http.Request) Fault) { p.fault.Store(&f) }

// Requests returns method and path of all requests so far.
func (p *Proxy) Requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.log...)
}

// Sent returns how many bytes the bodies of all answers so far had.
func (p *Proxy) Sent() int64 { return p.sent.Load() }

// faulty is an answer with a fault.
type faulty struct {
	http.ResponseWriter
	f    Fault
	sent int64
	all  *atomic.Int64
}

func (w *faulty) WriteHeader(status int) {
	if !w.f.Lost {
		w.ResponseWriter.WriteHeader(status)
	}
}

func (w *faulty) Write(p []byte) (int, error) {
	if w.f.Lost {
		return len(p), nil
	}
	at := w.sent
	w.sent += int64(len(p))
	w.all.Add(int64(len(p)))
	if n := w.f.FlipAt; n > 0 && at <= n && n < w.sent {
		p = append([]byte(nil), p...)
		p[n-at] ^= 0x20
	}
	if n := w.f.CutAfter; n > 0 && w.sent > n {
		_, _ = w.ResponseWriter.Write(p[:max(0, n-at)])
		_ = http.NewResponseController(w.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	return w.ResponseWriter.Write(p)
}

// Late are requests that are on their way: whoever sent them has no answer yet, and may be killed.
type Late struct {
	Sent chan struct{} // one for each of them

	mu       sync.Mutex
	requests []*http.Request
}

// Hold keeps requests on their way in whose method and path one of the words is, each once however
// often it is repeated. To others happens what other says; nil: nothing.
func (p *Proxy) Hold(other func(*http.Request) Fault, words ...string) *Late {
	l := &Late{Sent: make(chan struct{}, 1000)}
	p.SetFault(func(r *http.Request) Fault {
		if other != nil {
			if f := other(r); f != (Fault{}) {
				return f
			}
		}
		what := r.Method + " " + r.URL.Path
		if !slices.ContainsFunc(words, func(word string) bool { return strings.Contains(what, word) }) {
			return Fault{}
		}
		body, err := io.ReadAll(r.Body)
		l.mu.Lock()
		defer l.mu.Unlock()
		if err == nil && !slices.ContainsFunc(l.requests, func(o *http.Request) bool { return o.Method+" "+o.URL.Path == what }) {
			c := r.Clone(context.Background())
			c.RequestURI, c.Body = "", io.NopCloser(bytes.NewReader(body))
			c.URL.Scheme, c.URL.Host = "http", p.Addr()
			l.requests = append(l.requests, c)
			l.Sent <- struct{}{}
		}
		panic(http.ErrAbortHandler)
	})
	return l
}

// Arrive lets the requests arrive.
func (l *Late) Arrive(t testing.TB) {
	t.Helper()
	l.mu.Lock()
	requests := l.requests
	l.requests = nil
	l.mu.Unlock()
	for _, r := range requests {
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Error(err)
			continue
		}
		answer.Body.Close()
		t.Logf("%s %s arrives: %s", r.Method, r.URL.Path, answer.Status)
	}
}
