package main

import (
	"strings"
	"sync"
	"testing"

	"github.com/alicebob/miniredis/v2/server"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/minitarget"
)

// A kvrocks is a simulated one that is loaded by commands, of which it can refuse some or let them
// wait.
type kvrocks struct {
	*minitarget.Kvrocks

	mu      sync.Mutex
	fixed   string        // a setting that cannot be changed
	said    []string      // commands that change the server
	full    bool          // an HSET finds the disk full
	writing chan struct{} // if not nil, is told of an HSET, which then waits for the end of over
	over    chan struct{}
}

func startKvrocks(t *testing.T) *kvrocks {
	t.Helper()
	k := &kvrocks{}
	k.Kvrocks = minitarget.StartKvrocks(t, minitarget.Options{Before: k.before})
	return k
}

// change changes what it does.
func (k *kvrocks) change(f func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f()
}

// changes returns what was changed since the last call.
func (k *kvrocks) changes() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	said := k.said
	k.said = nil
	return said
}

func (k *kvrocks) before(c *server.Peer, cmd string, args ...string) bool {
	if cmd == "HSET" && !strings.HasPrefix(args[0], "kvload-probe-") {
		k.mu.Lock()
		writing, over := k.writing, k.over
		k.mu.Unlock()
		if writing != nil {
			writing <- struct{}{}
			<-over
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	line := append([]string{cmd}, args...)
	switch strings.ToUpper(strings.Join(line[:min(2, len(line))], " ")) {
	case "CONFIG SET":
		if args[1] == k.fixed {
			c.WriteError("ERR CONFIG SET '" + args[1] + "' error: read-only")
			return true
		}
		k.said = append(k.said, args[1]+"="+args[2])
	case "NAMESPACE ADD":
		k.said = append(k.said, "namespace "+args[1])
	case "COMMAND INFO": // no APPLYBATCH
		c.WriteLen(1)
		c.WriteNull()
		return true
	}
	if cmd == "COMPACT" {
		k.said = append(k.said, cmd)
	}
	refuses := k.full && cmd == "HSET" && !strings.HasPrefix(args[0], "kvload-probe-")
	if refuses {
		c.WriteError("ERR IO error: No space left on device")
	}
	return refuses
}
