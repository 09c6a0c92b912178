package main

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
)

// A returning source is away from a command of that name on, until the log says that it is tried
// again.
type returning struct {
	at   string
	away atomic.Bool
	gone atomic.Int64
	mu   sync.Mutex
	log  bytes.Buffer
}

func (r *returning) intercept(_ int, args [][]byte) ([]byte, bool, bool) {
	if strings.EqualFold(string(args[0]), r.at) && r.gone.Add(1) == 2 {
		r.away.Store(true)
	}
	return nil, false, r.away.Load()
}

func (r *returning) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if bytes.Contains(b, []byte("trying again in ")) {
		r.away.Store(false)
	}
	return r.log.Write(b)
}

// TestRetryFor: dump, also to a stream, plan and verify wait for a source that goes away, and say
// so.
func TestRetryFor(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "whole")
	expire := fmt.Sprint("EXPIREAT s2 ", time.Now().Add(time.Hour).Unix()) // the sources have the same, however slow the machine is
	s := smallpika.Start(t, pikasim.Options{})
	smallpika.Send(t, s.Addr(), expire)
	if r := runCommand("dump", "--uri", "redis://"+s.Addr(), "--out", whole); r.code != 0 {
		t.Fatal(r.stderr)
	}
	for _, args := range [][]string{
		{"dump", "--out", filepath.Join(t.TempDir(), "dump")}, {"dump", "--out", "-"}, {"plan"}, {"verify", "--in", whole},
	} {
		r := &returning{at: "PKHSCANRANGE"}
		s := smallpika.Start(t, pikasim.Options{Intercept: r.intercept})
		smallpika.Send(t, s.Addr(), expire)
		code := run(append([]string{"pikadump", args[0], "--uri", "redis://" + s.Addr(), "--retry-for", "1m"}, args[1:]...), strings.NewReader(""), io.Discard, r)
		if want := 0; code != want {
			t.Errorf("%v: exit code %d, want %d:\n%s", args, code, want, r.log.String())
		}
		if !strings.Contains(r.log.String(), "connection lost") || strings.Contains(r.log.String(), "given up") {
			t.Errorf("%v:\n%s", args, r.log.String())
		}
	}
}

// TestFullSync: a replica that is being filled is no proxy, and trying again later helps.
func TestFullSync(t *testing.T) {
	for _, reply := range []string{"-ERR Full sync not completed\r\n", "-LOADING Redis is loading the dataset in memory\r\n", "-ERR max number of clients reached\r\n"} {
		s := smallpika.Start(t, pikasim.Options{Intercept: smallpika.Answer(map[string]string{"PKSCANRANGE": reply})})
		r := runCommand("dump", "--uri", "redis://"+s.Addr(), "--out", filepath.Join(t.TempDir(), "dump"))
		r.failed(t, 75, strings.TrimSpace(reply[1:]))
		if strings.Contains(r.stderr, "proxy") {
			t.Error(r.stderr)
		}
	}
}
