package follow

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/retry"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
	"github.com/pika2kvrocks/pika2kvrocks/reader/binlog"
)

const (
	// goodbyeTime is how long the source is given to answer a goodbye.
	goodbyeTime = 3 * time.Second
	// aliveEvery is how often the source hears of a run that takes no items because a delta is
	// being read. It forgets a replica after 20 s (SERVERS.md P18).
	aliveEvery = 5 * time.Second
)

// A collector follows the binlog into a tail. It connects again where it was, to the same source.
type collector struct {
	o      *Options
	addr   string
	s      *reader.Scanner
	tail   *tail
	policy retry.Policy
}

func newCollector(o *Options, s *reader.Scanner, t *tail) (*collector, error) {
	addr, err := o.replicationAddr()
	return &collector{o: o, addr: addr, s: s, tail: t, policy: retry.Policy{
		For: o.Reader.RetryFor,
		Kind: func(err error) retry.Kind {
			if errors.Is(err, binlog.ErrUnavailable) {
				return retry.Transient
			}
			return retry.Fatal
		},
		Say: o.Reader.Retrying,
	}}, err
}

// dial takes up the databases where the tail is, if the binlog is still the one that it is of.
func (c *collector) dial(ctx context.Context) (session, error) {
	if err := c.recognize(ctx); err != nil {
		return nil, err
	}
	return c.dialAt(ctx, c.tail.state().at)
}

// dialAt takes up databases at positions.
func (c *collector) dialAt(ctx context.Context, at []format.BinlogPosition) (session, error) {
	s, err := c.o.dial(ctx, binlog.Options{Addr: c.addr, Password: c.o.Reader.Password, From: at, DialTimeout: c.o.Reader.DialTimeout, MaxNames: itemBytes})
	if err != nil && errors.Is(err, binlog.ErrUnavailable) && errors.As(err, new(*net.OpError)) {
		err = fmt.Errorf("%w; replicas connect to the source's port + 2000, or to what --replication-port says", err)
	}
	return s, err
}

// run collects until the context ends. It begins with a session.
func (c *collector) run(ctx context.Context, s session) error {
	for backoff := c.policy.Start(); ; {
		progress := false
		var err error
		if s == nil {
			s, err = c.again(ctx)
		}
		if err == nil {
			progress, err = c.follow(ctx, s)
			c.leave(ctx, s, err)
			s = nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := backoff.Wait(ctx, err, progress); err != nil {
			return err
		}
	}
}

// again connects once more, if the same source answers: a position means nothing on another one.
func (c *collector) again(ctx context.Context) (session, error) {
	look := c.s.Observer()
	defer look.Close()
	if _, _, err := look.Binlog(ctx); err != nil {
		return nil, err
	}
	return c.dial(ctx)
}

// leave ends a session, so that the source need not wait until it forgets it.
func (c *collector) leave(ctx context.Context, s session, err error) {
	if errors.Is(err, binlog.ErrUnavailable) && ctx.Err() == nil {
		s.Close()
		return
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), goodbyeTime)
	defer stop()
	if err := s.Goodbye(ctx); err != nil {
		s.Close()
	}
}

// follow takes items until an error ends it, and reports whether there were any.
func (c *collector) follow(ctx context.Context, s session) (progress bool, err error) {
	for {
		item, err := s.Next(ctx)
		if err != nil {
			return progress, err
		}
		progress = true
		for room := c.tail.add(item); room != nil; room = c.tail.add(item) {
			if err := c.wait(ctx, s, room); err != nil {
				return progress, err
			}
		}
	}
}

// wait waits for room in the tail. The source hears of it only as long as the delta at hand is
// being read: for a run that hangs it must not keep its binlog.
func (c *collector) wait(ctx context.Context, s session, room <-chan struct{}) error {
	tick := time.NewTicker(aliveEvery)
	defer tick.Stop()
	for before := c.done(); ; {
		select {
		case <-room:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
			if now := c.done(); now != before {
				before = now
				if err := s.KeepAlive(); err != nil {
					return err
				}
			}
		}
	}
}

// done grows as the delta at hand is read.
func (c *collector) done() int64 {
	total := c.o.Meter.Snapshot().Total
	return total.Work + total.Bytes
}

// followed returns the positions of the databases that are followed.
func followed(all []format.BinlogPosition, dbs []int) ([]format.BinlogPosition, error) {
	var at []format.BinlogPosition
	for _, db := range dbs {
		p, ok := format.PositionOf(all, db)
		if !ok {
			return nil, fmt.Errorf("no binlog position of db%d", db)
		}
		at = append(at, p)
	}
	return at, nil
}

// lastItem is what is kept of an item to know it again.
func lastItem(item *binlog.Item) format.LastItem {
	return format.LastItem{BinlogPosition: item.Start, Header: hex.EncodeToString(item.Header[:])}
}

// recognize makes sure that the items before the tail are in the source's binlog as they were. A
// source whose data were replaced by an older copy, at the same address, has written others there
// since, at another time, once its binlog has grown past that position.
func (c *collector) recognize(ctx context.Context) error {
	for backoff := c.policy.Start(); ; {
		now := c.tail.state()
		cut, err := c.compare(ctx, now.at, now.last)
		if !cut {
			return err
		}
		if err := backoff.Wait(ctx, err, false); err != nil {
			return err
		}
	}
}

// compare reads the items before the positions once more. Cut reports that the connection ended
// meanwhile. An item whose file was deleted cannot be looked at.
func (c *collector) compare(ctx context.Context, at []format.BinlogPosition, last []format.LastItem) (cut bool, err error) {
	for len(last) > 0 {
		var from []format.BinlogPosition
		for _, it := range last {
			from = append(from, it.BinlogPosition)
		}
		s, err := c.dialAt(ctx, from)
		p := new(binlog.PositionError)
		switch {
		case err == nil:
			err = find(ctx, s, at, last)
			c.leave(ctx, s, err)
			return errors.Is(err, binlog.ErrUnavailable), err
		case !errors.As(err, &p):
			return false, err
		case p.Reason != binlog.Purged:
			return false, another(p.Asked)
		}
		fmt.Fprintf(c.o.Log, "warning: the last write of db%d that was followed is in a file of the binlog that the source has deleted: whether its data were replaced since by an older copy cannot be seen\n", p.Asked.DB)
		last = slices.DeleteFunc(last, func(it format.LastItem) bool { return it.DB == p.Asked.DB })
	}
	return false, nil
}

// find takes items until it has seen those that were the last.
func find(ctx context.Context, s session, at []format.BinlogPosition, last []format.LastItem) error {
	for seen := map[int]bool{}; len(seen) < len(last); {
		item, err := s.Next(ctx)
		if err != nil {
			return err
		}
		db := item.Position.DB
		if seen[db] {
			continue
		}
		end, _ := format.PositionOf(at, db)
		if !slices.Contains(last, lastItem(item)) || item.Position != end {
			return another(item.Start)
		}
		seen[db] = true
	}
	return nil
}

// another says that the binlog at a position is not the one that was followed.
func another(at format.BinlogPosition) error {
	return &refusal{fmt.Errorf("%w: the binlog of db%d has another write at %d %d than when it was followed: the source's data were replaced by an older copy, or it is another server. "+
		"What differs is found by a comparison: pikadump dump --base", reader.ErrRefused, at.DB, at.File, at.Offset)}
}
