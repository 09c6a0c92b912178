// Package minitarget is an in-memory target for the demo and for tests: miniredis, with the
// few commands that kvload sends and miniredis does not know.
package minitarget

import (
	"strings"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
)

// Start starts a target on a free port of the loopback interface.
func Start() (*miniredis.Miniredis, error) {
	m := miniredis.NewMiniRedis()
	if err := m.Start(); err != nil {
		return nil, err
	}
	m.Server().SetPreHook(hook)
	return m, nil
}

// hook answers what miniredis does not know. The counters that XSETID restores are lost:
// miniredis has none.
func hook(c *server.Peer, cmd string, args ...string) bool {
	switch {
	case cmd == "INFO" && len(args) == 1 && strings.EqualFold(args[0], "server"):
		c.WriteBulk("# Server\r\nredis_version:7.0.0\r\nredis_mode:standalone\r\n")
	case cmd == "INFO" && len(args) == 1 && strings.EqualFold(args[0], "replication"):
		c.WriteBulk("# Replication\r\nrole:master\r\n")
	case cmd == "INFO" && len(args) == 1 && strings.EqualFold(args[0], "persistence"):
		c.WriteBulk("# Persistence\r\nloading:0\r\n")
	case cmd == "CLIENT" && len(args) == 1 && strings.EqualFold(args[0], "INFO"):
		c.WriteBulk("id=1 db=0\n")
	case cmd == "XSETID":
		c.WriteOK()
	default:
		return false
	}
	return true
}
