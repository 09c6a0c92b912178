package preflight

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// duplicateWait bounds each of the two steps of Duplicate: a target that does not answer must not
// hold up the others.
const duplicateWait = 3 * time.Second

// Duplicate looks for two of the targets that are one server under two addresses, or nodes of one
// cluster, and returns their indexes. To each it opens a connection with a name that is new, and
// looks for the names in what the others list (SERVERS.md K20). One that cannot be reached or asked
// is taken for a server of its own: what is wrong with it, its load says.
func Duplicate(ctx context.Context, targets []target.Options) (i, j int, same bool) {
	conns, names := make([]*conn.Conn, len(targets)), make([]string, len(targets))
	lists, nodes := make([]string, len(targets)), make([][]string, len(targets))
	inTime := func(do func(ctx context.Context, i int)) {
		ctx, cancel := context.WithTimeout(ctx, duplicateWait)
		defer cancel()
		var g errgroup.Group
		for i := range targets {
			g.Go(func() error { do(ctx, i); return nil })
		}
		_ = g.Wait()
	}
	inTime(func(ctx context.Context, i int) {
		o := targets[i]
		o.Keyspaces = nil
		o, err := o.Checked()
		if err != nil {
			return
		}
		if conns[i], err = o.Dial(ctx, target.Keyspace{}); err != nil {
			return
		}
		name := "kvload-" + rand.Text()
		if _, err := conns[i].Do(ctx, "CLIENT", "SETNAME", name); err == nil {
			names[i] = name
		}
	})
	inTime(func(ctx context.Context, i int) {
		if conns[i] == nil {
			return
		}
		defer conns[i].Close()
		lists[i], _ = conns[i].Text(ctx, "CLIENT", "LIST") // an error lists nothing
		text, _ := conns[i].Text(ctx, "CLUSTER", "NODES")
		for line := range strings.Lines(text) {
			id, _, _ := strings.Cut(line, " ")
			nodes[i] = append(nodes[i], id)
		}
	})
	stands := func(name, list string) bool { return name != "" && strings.Contains(list, "name="+name+" ") }
	for i := range targets {
		for j := i + 1; j < len(targets); j++ {
			// Of two connections to one server the first that lists sees the other, which has not
			// ended yet.
			if stands(names[i], lists[j]) || stands(names[j], lists[i]) || slices.ContainsFunc(nodes[i], func(id string) bool { return slices.Contains(nodes[j], id) }) {
				return i, j, true
			}
		}
	}
	return 0, 0, false
}
