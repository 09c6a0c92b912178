package follow

import (
	"context"
	"errors"
	"fmt"
	"net"
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
