package s3server

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

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
