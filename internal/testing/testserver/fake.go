// Package testserver has the servers that the tests of the writer load: fakes that answer what a
// script says, and real ones.
//
// Begin with Start, or with Each. Only tests import it.
package testserver

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/alicebob/miniredis/v2/server"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/minitarget"
)

// A Fake is a server that answers what a script says. A script returns the raw reply, ""
// to close the connection.
type Fake struct {
	Addr string
	mu   sync.Mutex
	got  []string // commands that are not of the handshake, in order
}

// InfoKvrocks is INFO server of a Kvrocks 2.10.1 (transcripts/kvrocks-2.10.1.jsonl), shortened.
const InfoKvrocks = "# Server\r\nversion:2.10.1\r\nkvrocks_version:2.10.1\r\nredis_version:4.0.0\r\ngit_sha1:dc4d5303\r\n" +
	"kvrocks_git_sha1:dc4d5303\r\nredis_mode:standalone\r\nkvrocks_mode:standalone\r\n"

// Bulk is a text as a server answers it.
func Bulk(s string) string { return "$" + strconv.Itoa(len(s)) + "\r\n" + s + "\r\n" }

// isHandshake reports whether a command is one of those that Open sends.
func isHandshake(cmd []string) bool {
	switch cmd[0] {
	case "HELLO", "INFO", "TIME", "SELECT":
		return true
	case "CLIENT":
		return len(cmd) > 1 && (strings.EqualFold(cmd[1], "SETNAME") || strings.EqualFold(cmd[1], "INFO"))
	case "CONFIG":
		return len(cmd) > 1 && strings.EqualFold(cmd[1], "GET")
	}
	return false
}

// Start starts a server that asks script first, then behaves as a Kvrocks 2.10.1 with no keys.
func Start(t *testing.T, script func(cmd []string) (string, bool)) *Fake {
	t.Helper()
	f := &Fake{}
	k := minitarget.StartKvrocks(t, minitarget.Options{Before: func(c *server.Peer, name string, args ...string) bool {
		cmd := append([]string{name}, args...)
		f.mu.Lock()
		defer f.mu.Unlock()
		if !isHandshake(cmd) {
			f.got = append(f.got, strings.Join(cmd, " "))
		}
		if script == nil {
			return false
		}
		reply, scripted := script(cmd)
		if scripted {
			c.WriteRaw(reply)
		}
		if scripted && (reply == "" || strings.HasPrefix(reply, "-ERR Protocol error")) {
			c.Close()
		}
		return scripted
	}})
	f.Addr = k.Addr()
	return f
}

// Commands returns what was sent beside the handshake.
func (f *Fake) Commands() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.got)
}

// Do runs f while no command is answered.
func (f *Fake) Do(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
}

// Answer is a script that gives one reply to commands beginning with a text.
func Answer(replies map[string]string) func(cmd []string) (string, bool) {
	return func(cmd []string) (string, bool) {
		line := strings.Join(cmd, " ")
		for prefix, reply := range replies {
			if strings.HasPrefix(line, prefix) {
				return reply, true
			}
		}
		return "", false
	}
}
