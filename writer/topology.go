package writer

import (
	"fmt"
	"net"
	"slices"
	"strconv"
)

// A topology says which node owns each slot. It is never changed: a newer one takes its place.
type topology struct {
	masters []string // addresses, in order
	all     []string // of replicas, too
	ids     []string // id@host:port of all, in order
	owner   [slotCount]uint16
}

// unowned is the owner of a slot that no node serves.
const unowned = slotCount

// node returns the address of the owner of a slot; of noSlot that of some master. Empty: nobody serves it.
func (t *topology) node(slot int) string {
	if slot == noSlot {
		slot = 0
	}
	if n := int(t.owner[slot]); n < len(t.masters) {
		return t.masters[n]
	}
	return ""
}

// missing returns the first slot that nobody serves, or noSlot.
func (t *topology) missing() int {
	return slices.Index(t.owner[:], unowned)
}

// with returns a topology in which other nodes own some slots.
func (t *topology) with(moved map[int]string) *topology {
	n := *t
	n.masters, n.all = slices.Clone(t.masters), slices.Clone(t.all)
	for slot, addr := range moved {
		at := slices.Index(n.masters, addr)
		if at < 0 {
			if len(n.masters) == unowned {
				continue
			}
			at = len(n.masters)
			n.masters, n.all = append(n.masters, addr), append(n.all, addr)
		}
		n.owner[slot] = uint16(at)
	}
	return &n
}

// sameOwners reports whether every slot has the owner that it has in u.
func (t *topology) sameOwners(u *topology) bool {
	for slot := range slotCount {
		if t.node(slot) != u.node(slot) {
			return false
		}
	}
	return true
}

// parseTopology takes the reply of the node at addr to CLUSTER SLOTS: first and last slot, master, replicas.
func parseTopology(reply []any, addr string) (*topology, error) {
	t := &topology{}
	for i := range t.owner {
		t.owner[i] = unowned
	}
	for _, v := range reply {
		entry, _ := v.([]any)
		if len(entry) < 2 {
			return nil, errUnexpected
		}
		first, ok1 := entry[0].(int64)
		last, ok2 := entry[1].(int64)
		if !ok1 || !ok2 || first < 0 || first > last || last >= slotCount {
			return nil, errUnexpected
		}
		for i, v := range entry[2:] {
			node, id, err := parseNode(v, addr)
			if err != nil {
				return nil, err
			}
			t.all, t.ids = append(t.all, node), append(t.ids, id+"@"+node)
			if i > 0 {
				continue
			}
			at := slices.Index(t.masters, node)
			if at < 0 {
				at = len(t.masters)
				t.masters = append(t.masters, node)
			}
			for slot := first; slot <= last; slot++ {
				t.owner[slot] = uint16(at)
			}
		}
	}
	if len(t.masters) >= unowned {
		return nil, fmt.Errorf("CLUSTER SLOTS names %d nodes", len(t.masters))
	}
	slices.Sort(t.all)
	slices.Sort(t.ids)
	t.all, t.ids = slices.Compact(t.all), slices.Compact(t.ids)
	return t, nil
}

// parseNode takes host, port and id of a node.
func parseNode(v any, asked string) (addr, id string, err error) {
	node, _ := v.([]any)
	if len(node) < 2 {
		return "", "", errUnexpected
	}
	host, _ := node[0].(string) // nil: the one that was asked
	port, ok := node[1].(int64)
	if !ok || port < 1 || port > 65535 {
		return "", "", errUnexpected
	}
	if len(node) > 2 {
		id, _ = node[2].(string)
	}
	return reachable(host, strconv.FormatInt(port, 10), asked), id, nil
}

// reachable returns the address of a node that is announced as host and port by the node at asked. One
// that does not know its own host, or only the one by which it reaches itself, is on that of asked.
func reachable(host, port, asked string) string {
	seed, _, err := net.SplitHostPort(asked)
	if err != nil {
		return net.JoinHostPort(host, port)
	}
	ip := net.ParseIP(host)
	switch {
	case host == "", host == "?", ip != nil && ip.IsUnspecified():
		host = seed
	case (host == "localhost" || ip != nil && ip.IsLoopback()) && !isLoopback(seed):
		host = seed
	}
	return net.JoinHostPort(host, port)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
