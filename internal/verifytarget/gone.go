package verifytarget

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/verify"
	"github.com/pika2kvrocks/pika2kvrocks/writer/readback"
)

// gone looks for the names that a delta deletes: those that the target holds are differences, but
// for what is written there just while it is compared.
func (c *comparison) gone(ctx context.Context) error {
	for _, db := range c.DBs() {
		server := readback.New(c.target.Target, db, c.retry.Start().Wait)
		err := c.rules.Gone(db, func(batch []rewrite.Gone) error { return c.lookFor(ctx, server, db, batch) })
		if err = errors.Join(err, server.Close()); err != nil {
			return err
		}
	}
	return nil
}

// lookFor looks for names of a database, in each round for those found in the one before.
func (c *comparison) lookFor(ctx context.Context, server *readback.Client, db int, batch []rewrite.Gone) error {
	batch = slices.DeleteFunc(batch, func(one rewrite.Gone) bool { return !c.Sample.Holds(one.Source) })
	for round := 1; round <= c.Rounds && len(batch) > 0; round++ {
		began, size := time.Now(), 0
		for i := range batch {
			size += len(batch[i].Name)
		}
		there, err := load.There(ctx, server, batch)
		if err == nil {
			err = c.restAfter(ctx, len(batch), size, time.Since(began))
		}
		if err != nil {
			return err
		}
		left := batch[:0]
		for _, one := range batch {
			if len(there) > 0 && bytes.Equal(one.Name, there[0]) {
				left, there = append(left, one), there[1:]
				continue
			}
			c.tally.Gone(true)
		}
		batch = left
	}
	for _, one := range batch {
		c.tally.Gone(false)
		c.list.Add(verify.Difference{DB: db, Key: one.Source, NewName: one.Name, Class: verify.ExtraKey, Detail: "the delta says that it is gone"})
	}
	return nil
}
