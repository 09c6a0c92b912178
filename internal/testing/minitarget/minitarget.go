// Package minitarget is an in-memory target for the demo and for tests. Start starts a miniredis,
// with the few commands that kvload sends and miniredis does not know. StartKvrocks starts one that
// answers as a Kvrocks does and takes raw write batches. No test for speed or memory fits it.
package minitarget

import (
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
)

// Start starts a target on a free port of the loopback interface.
func Start() (*miniredis.Miniredis, error) {
	m := miniredis.NewMiniRedis()
	if err := m.Start(); err != nil {
		return nil, err
	}
	m.Server().SetPreHook(Hook())
	return m, nil
}

// Hook returns what answers the commands that miniredis does not know. The counters that XSETID
// restores are lost: miniredis has none.
func Hook() server.Hook {
	var named clients
	info := map[string]string{
		"SERVER":      "# Server\r\nredis_version:7.0.0\r\nredis_mode:standalone\r\n",
		"REPLICATION": "# Replication\r\nrole:master\r\n",
		"PERSISTENCE": "# Persistence\r\nloading:0\r\n",
	}
	return func(c *server.Peer, cmd string, args ...string) bool {
		sub := ""
		if len(args) > 0 {
			sub = strings.ToUpper(args[0])
		}
		switch {
		case cmd == "CLIENT" && named.answer(c, args):
		case cmd == "CLIENT" && sub == "INFO":
			c.WriteBulk("id=1 db=0\n")
		case cmd == "INFO" && info[sub] != "":
			c.WriteBulk(info[sub])
		case cmd == "XSETID":
			c.WriteOK()
		default:
			return false
		}
		return true
	}
}

// clients are the connections of a server that have a name.
type clients struct {
	mu   sync.Mutex
	last int
	of   map[*server.Peer]client

	killed map[*server.Peer]bool // what they still send is not run
}

// isKilled reports whether a connection was killed.
func (s *clients) isKilled(c *server.Peer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.killed[c]
}

type client struct {
	id   int
	name string
}

// answer answers CLIENT SETNAME, LIST and KILL ID, and reports whether it was one of them.
func (s *clients) answer(c *server.Peer, args []string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(args) == 0 {
		return false
	}
	switch sub := strings.ToUpper(args[0]); {
	case sub == "SETNAME" && len(args) == 2:
		if s.of == nil {
			s.of, s.killed = map[*server.Peer]client{}, map[*server.Peer]bool{}
		}
		s.last++
		s.of[c] = client{s.last, args[1]}
		c.OnDisconnect(func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			delete(s.of, c)
		})
		c.WriteOK()
	case sub == "LIST":
		list := ""
		for _, p := range s.of {
			list += fmt.Sprintf("id=%d name=%s db=0\n", p.id, p.name)
		}
		c.WriteBulk(list)
	case sub == "KILL" && len(args) == 3:
		n := 0
		for p, named := range s.of {
			if strconv.Itoa(named.id) == args[2] {
				p.Close() // once it has read a command, which may never come whole
				delete(s.of, p)
				s.killed[p] = true
				n++
			}
		}
		c.WriteInt(n)
	default:
		return false
	}
	return true
}
