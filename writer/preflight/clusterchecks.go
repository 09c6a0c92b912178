package preflight

import (
	"context"
	"errors"
	"fmt"

	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// A member is what one master of a cluster says of itself.
type member struct {
	*Facts
	moving string // slots that it is giving away or taking; empty: none
}

// askMembers asks every master of the cluster that the server at o.Addr belongs to.
func (f *Facts) askMembers(ctx context.Context, o *target.Options, need *Need) error {
	t, err := topology(ctx, o)
	if err != nil {
		if isRefusal(err) && !errors.Is(err, conn.ErrAuth) {
			f.Refusal = err
			return nil
		}
		return err
	}
	f.topology, f.Target.Nodes, f.Target.Masters = t, t.IDs, len(t.Masters)
	for _, addr := range t.Masters {
		m, err := askMember(ctx, o.At(addr), need)
		if err != nil {
			return fmt.Errorf("node %s of the cluster: %w", addr, err)
		}
		f.members = append(f.members, m)
	}
	return nil
}

// topology asks the server at o.Addr who owns the slots.
func topology(ctx context.Context, o *target.Options) (*conn.Topology, error) {
	c, err := o.Dial(ctx, target.Keyspace{})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return target.ClusterOf(ctx, o, c)
}

func askMember(ctx context.Context, o *target.Options, need *Need) (m member, err error) {
	c, err := o.Dial(ctx, target.Keyspace{})
	if err != nil {
		return m, err
	}
	defer c.Close()
	if m.moving, err = conn.MovingSlots(ctx, c); err == nil {
		m.Facts, err = inspect(ctx, c, need)
	}
	return m, err
}

// memberChecks are the checks that every master has to pass, as one list: what one master does not
// pass is said of it, with its address.
func (f *Facts) memberChecks(need *Need) []Check {
	share := *need
	share.Raw /= int64(len(f.members)) // slots are spread, and with them keys
	var list []Check
	for i, m := range f.members {
		checks := []Check{{Name: "server", Level: Failed}}
		if m.Refusal != nil {
			checks[0].Found = m.bare(m.Refusal)
		} else {
			checks = append(m.serverChecks(&share), m.checkMoving())
		}
		for j, c := range checks {
			if c.Level != OK {
				c.Found = "node " + m.Target.Addr + ": " + c.Found
			}
			switch {
			case i == 0:
				list = append(list, c)
			case c.Level != OK && j < len(list) && list[j].Level == OK:
				list[j] = c
			case c.Level != OK:
				list = append(list, c)
			}
		}
	}
	return list
}

func (m *member) checkMoving() Check {
	if m.moving == "" {
		return Check{Name: "slots", Found: "none is moving"}
	}
	return Check{Name: "slots", Level: Failed, Found: "it is moving slots (" + m.moving + ")", Advice: "wait until that is done, or end it"}
}
