package verifytarget

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/verify"
	"github.com/pika2kvrocks/pika2kvrocks/writer/readback"
)

// perLook is how many names are looked for in one pipeline.
const perLook = 500

// gone looks for the names that a delta deletes: those that the target holds are differences, but
// for what is written there just while it is compared.
func (c *comparison) gone(ctx context.Context) error {
	for _, db := range c.DBs() {
		g := looking{comparison: c, db: db, server: readback.New(c.target.Target, db, c.retry.Start().Wait)}
		err := c.rules.Gone(db, func(one rewrite.Gone) error { return g.add(ctx, one) })
		if err == nil {
			err = g.flush(ctx)
		}
		if err = errors.Join(err, g.server.Close()); err != nil {
			return err
		}
	}
	return nil
}

// A looking looks for names of one database.
type looking struct {
	*comparison
	db     int
	server *readback.Client
	batch  []rewrite.Gone
}

func (g *looking) add(ctx context.Context, one rewrite.Gone) error {
	if g.Sample != nil && !g.Sample.Holds(one.Source) {
		return nil
	}
	if g.batch = append(g.batch, one.Clone()); len(g.batch) < perLook {
		return nil
	}
	return g.flush(ctx)
}

// flush looks for the names of the batch, in each round for those found in the one before.
func (g *looking) flush(ctx context.Context) error {
	for round := 1; len(g.batch) > 0; round++ {
		began, size := time.Now(), 0
		for i := range g.batch {
			size += len(g.batch[i].Name)
		}
		there, err := load.There(ctx, g.server, g.batch)
		if err == nil {
			err = g.restAfter(ctx, len(g.batch), size, time.Since(began))
		}
		if err != nil {
			return err
		}
		left := g.batch[:0]
		for _, one := range g.batch {
			if len(there) > 0 && bytes.Equal(one.Name, there[0]) {
				left, there = append(left, one), there[1:]
				continue
			}
			g.tally.Gone(true)
		}
		if g.batch = left; round < g.Rounds {
			continue
		}
		for _, one := range left {
			g.tally.Gone(false)
			g.list.Add(verify.Difference{DB: g.db, Key: one.Source, NewName: one.Name, Class: verify.ExtraKey, Detail: "the delta says that it is gone"})
		}
		g.batch = left[:0]
	}
	return nil
}
