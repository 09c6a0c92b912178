package conn

import (
	"strconv"
	"strings"
)

// A redirection is a reply of a node that did not run a command: somebody else may, or it later.
type redirection struct {
	slot int    // MOVED and ASK
	addr string // who is said to run it; empty: nobody is named
	ask  bool   // only this once, and behind an ASKING
	bad  bool   // the node takes no writes any more: it has become a replica
}

// parseRedirection takes a reply of the node at addr. Kvrocks 2.6 puts an ERR before it (SERVERS.md
// K12).
func parseRedirection(reply, addr string) (r redirection, ok bool) {
	words := strings.Fields(strings.TrimPrefix(reply, "ERR "))
	if len(words) == 0 {
		return r, false
	}
	switch words[0] {
	case "TRYAGAIN", "CLUSTERDOWN":
		return r, true
	case "READONLY":
		r.bad = true
		return r, true
	case "MOVED", "ASK":
	default:
		return r, false
	}
	r.ask = words[0] == "ASK"
	if len(words) < 3 {
		return redirection{}, true
	}
	slot, err := strconv.Atoi(words[1])
	// An IPv6 address stands there without brackets.
	colon := strings.LastIndexByte(words[2], ':')
	if err != nil || slot < 0 || slot >= SlotCount || colon < 0 {
		return redirection{}, true
	}
	port, err := strconv.Atoi(words[2][colon+1:])
	if err != nil || port < 1 || port > 65535 {
		return redirection{}, true
	}
	host := strings.Trim(words[2][:colon], "[]")
	r.slot, r.addr = slot, reachable(host, strconv.Itoa(port), addr)
	return r, true
}
