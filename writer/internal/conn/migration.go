package conn

import (
	"context"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

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
