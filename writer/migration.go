package writer

import (
	"context"
	"strings"
)

// settled refuses a node that is giving a slot away, or taking one: a key that is written meanwhile can be lost
// on the way by a fault of the server (SERVERS.md K14). What begins later is followed.
func (o *Options) settled(ctx context.Context, c *conn) error {
	slots, err := o.movingSlots(ctx, c)
	if err != nil || slots == "" {
		return err
	}
	return preflightError("node %s of the cluster is moving slots (%s): wait until that is done, or end it, then try again", o.Addr, slots)
}

// movingSlots says which slots a node of a cluster is giving away or taking; empty if it is not.
func (o *Options) movingSlots(ctx context.Context, c *conn) (string, error) {
	info, err := o.clusterText(ctx, c, "INFO")
	if err != nil {
		return "", err
	}
	fields := textFields(info)
	for _, f := range []struct{ state, slots, one string }{
		{"migrating_state", "migrating_slot(s)", "migrating_slot"},
		{"import_state", "importing_slot(s)", "importing_slot"},
	} {
		if fields[f.state] == "start" {
			return f.one + " " + fields[f.slots] + fields[f.one], nil
		}
	}
	nodes, err := o.clusterText(ctx, c, "NODES")
	if err != nil {
		return "", err
	}
	return movingOf(nodes), nil
}

// movingOf finds the slots that are moving in a reply to CLUSTER NODES: [slot->-node], [slot-<-node]. Only the
// line of the node itself has any.
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

func (o *Options) clusterText(ctx context.Context, c *conn, what string) (string, error) {
	text, err := c.Do(ctx, "CLUSTER", what).Text()
	if reply, ok := errorReply(err); ok {
		return "", o.refusedAtStart("CLUSTER "+what, reply)
	}
	if err != nil {
		return "", o.connectError(err)
	}
	return text, nil
}
