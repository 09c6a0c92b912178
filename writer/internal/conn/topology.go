package conn

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// A Topology says which node owns each slot. It is never changed: a newer one takes its place.
type Topology struct {
	Masters []string // addresses, in order
	all     []string // of replicas, too
	IDs     []string // id@host:port of all, in order
	owner   [SlotCount]uint16
}

// unowned is the owner of a slot that no node serves.
const unowned = SlotCount

// node returns the address of the owner of a slot; of NoSlot that of some master. Empty: nobody
// serves it.
func (t *Topology) node(slot int) string {
	if slot == NoSlot {
		slot = 0
	}
	if n := int(t.owner[slot]); n < len(t.Masters) {
		return t.Masters[n]
	}
	return ""
}

// Missing returns the first slot that nobody serves, or NoSlot.
func (t *Topology) Missing() int { return slices.Index(t.owner[:], unowned) }

// with returns a topology in which other nodes own some slots.
func (t *Topology) with(moved map[int]string) *Topology {
	n := *t
	n.Masters, n.all = slices.Clone(t.Masters), slices.Clone(t.all)
	for slot, addr := range moved {
		at := slices.Index(n.Masters, addr)
		if at < 0 {
			if len(n.Masters) == unowned {
				continue
			}
			at = len(n.Masters)
			n.Masters, n.all = append(n.Masters, addr), append(n.all, addr)
		}
		n.owner[slot] = uint16(at)
	}
	return &n
}

// sameOwners reports whether every slot has the owner that it has in u.
func (t *Topology) sameOwners(u *Topology) bool {
	for slot := range SlotCount {
		if t.node(slot) != u.node(slot) {
			return false
		}
	}
	return true
}

// ReadTopology asks the node at the other end of c.
func ReadTopology(ctx context.Context, c *Conn) (*Topology, error) {
	reply, err := c.Do(ctx, "CLUSTER", "SLOTS")
	if err != nil {
		return nil, c.Refused("CLUSTER SLOTS", err)
	}
	t, err := parseTopology(reply.List, c.addr)
	if err != nil {
		return nil, Preflightf("target %s answers CLUSTER SLOTS with what cannot be understood: %v", c.addr, err)
	}
	return t, nil
}

// parseTopology takes the reply of the node at addr to CLUSTER SLOTS: first and last slot, master,
// replicas.
func parseTopology(reply []resp.Reply, addr string) (*Topology, error) {
	t := &Topology{}
	for i := range t.owner {
		t.owner[i] = unowned
	}
	for i := range reply {
		entry := reply[i].List
		if len(entry) < 2 {
			return nil, resp.ErrUnexpected
		}
		first, ok1 := entry[0].Integer()
		last, ok2 := entry[1].Integer()
		if !ok1 || !ok2 || first < 0 || first > last || last >= SlotCount {
			return nil, resp.ErrUnexpected
		}
		for i := range entry[2:] {
			node, id, err := parseNode(entry[2+i].List, addr)
			if err != nil {
				return nil, err
			}
			t.all, t.IDs = append(t.all, node), append(t.IDs, id+"@"+node)
			if i > 0 {
				continue
			}
			at := slices.Index(t.Masters, node)
			if at < 0 {
				at = len(t.Masters)
				t.Masters = append(t.Masters, node)
			}
			for slot := first; slot <= last; slot++ {
				t.owner[slot] = uint16(at)
			}
		}
	}
	if len(t.Masters) >= unowned {
		return nil, fmt.Errorf("CLUSTER SLOTS names %d nodes", len(t.Masters))
	}
	slices.Sort(t.all)
	slices.Sort(t.IDs)
	t.all, t.IDs = slices.Compact(t.all), slices.Compact(t.IDs)
	return t, nil
}

// parseNode takes host, port and id of a node.
func parseNode(node []resp.Reply, asked string) (addr, id string, err error) {
	if len(node) < 2 {
		return "", "", resp.ErrUnexpected
	}
	port, ok := node[1].Integer()
	if !ok || port < 1 || port > 65535 {
		return "", "", resp.ErrUnexpected
	}
	if len(node) > 2 {
		id = node[2].Text
	}
	host := node[0].Text // nil: the one that was asked
	return reachable(host, strconv.FormatInt(port, 10), asked), id, nil
}

// reachable returns the address of a node that is announced as host and port by the node at asked.
// One that does not know its own host, or only the one by which it reaches itself, is on that of
// asked.
func reachable(host, port, asked string) string {
	seed, _, err := net.SplitHostPort(asked)
	if err != nil {
		return net.JoinHostPort(host, port)
	}
	ip := net.ParseIP(host)
	if host == "" || host == "?" || ip != nil && ip.IsUnspecified() || isLoopback(host) && !isLoopback(seed) {
		host = seed
	}
	return net.JoinHostPort(host, port)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// MovingSlots says which slots a node of a cluster is giving away or taking; empty if it is not.
func MovingSlots(ctx context.Context, c *Conn) (string, error) {
	info, err := c.Text(ctx, "CLUSTER", "INFO")
	if err != nil {
		return "", c.Refused("CLUSTER INFO", err)
	}
	fields := resp.Fields(info)
	for _, f := range []struct{ state, slots, one string }{
		{"migrating_state", "migrating_slot(s)", "migrating_slot"},
		{"import_state", "importing_slot(s)", "importing_slot"},
	} {
		if fields[f.state] == "start" {
			return f.one + " " + fields[f.slots] + fields[f.one], nil
		}
	}
	nodes, err := c.Text(ctx, "CLUSTER", "NODES")
	if err != nil {
		return "", c.Refused("CLUSTER NODES", err)
	}
	return movingOf(nodes), nil
}

// movingOf finds the slots that are moving in a reply to CLUSTER NODES: [slot->-node],
// [slot-<-node]. Only the line of the node itself has any.
func movingOf(nodes string) string {
	for line := range strings.Lines(nodes) {
		words := strings.Fields(line)
		if len(words) < 3 || !strings.Contains(words[2], "myself") {
			continue
		}
		for _, w := range words[3:] {
			if strings.HasPrefix(w, "[") {
				return w
			}
		}
	}
	return ""
}
