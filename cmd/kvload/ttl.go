package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
)

// A ttlMode says what becomes of expiries.
type ttlMode string

const (
	ttlKeep  ttlMode = "keep"
	ttlDrop  ttlMode = "drop"
	ttlShift ttlMode = "shift"
)

// A ttlPolicy is what becomes of expiries in one load. All runs of the load go by one time, that of its
// beginning, and so do verify and rollback: the journal keeps it.
type ttlPolicy struct {
	mode  ttlMode
	least time.Duration // keys that have less to live are left out; 0: none

	shift int64 // ms
	now   int64 // Unix ms, when the load began by the clock of the target
}

func ttlFromFlags(c *cli.Context) (ttlPolicy, error) {
	p := ttlPolicy{mode: ttlMode(c.String("ttl")), least: c.Duration("ttl-min")}
	if p.mode != ttlKeep && p.mode != ttlDrop && p.mode != ttlShift {
		return p, command.Usage("--ttl %q: it is keep, drop or shift", p.mode)
	}
	if p.least < 0 {
		return p, command.Usage("--ttl-min %v is negative", p.least)
	}
	if p.least > 0 && p.mode == ttlDrop {
		return p, command.Usage("--ttl drop lets no key expire: leave --ttl-min out")
	}
	return p, nil
}

// timed reports whether the policy depends on when the load began.
func (p *ttlPolicy) timed() bool { return p.mode == ttlShift || p.least > 0 }

// begin sets when the load began. With shift, what had so much to live when the dump was begun has as much
// when the load begins: whatever the dump holds was alive then, so that nothing of it is lost. Expiries are
// by the clock of the source, and that may not be the one of the host that dumped.
func (p *ttlPolicy) begin(now time.Time, m *format.Manifest) {
	p.now = now.UnixMilli()
	if p.mode == ttlShift {
		p.shift = p.now - (m.Started.UnixMilli() + m.Source.ClockDifference)
	}
}

// expire returns what writer.Options.Expire is; nil if nothing changes.
func (p *ttlPolicy) expire() func(int64) (int64, bool) {
	if p.mode == ttlKeep && p.least == 0 {
		return nil
	}
	return p.of
}

// of returns the expiry on the target, 0 for never, and whether the key had too little to live when the
// load began. One that was over by then is expired, not short.
func (p *ttlPolicy) of(expire int64) (newExpire int64, short bool) {
	if expire == 0 || p.mode == ttlDrop {
		return 0, false
	}
	switch {
	case p.shift > 0 && expire > math.MaxInt64-p.shift:
		expire = math.MaxInt64
	default:
		expire = max(1, expire+p.shift) // 0 would be never
	}
	return expire, p.least > 0 && expire > p.now && expire-p.now < p.least.Milliseconds()
}

// recall finds in the journal of the load when it began, for a policy that depends on it.
func (o *commonOptions) recall(ctx context.Context, m *format.Manifest) error {
	if !o.ttl.timed() {
		return nil
	}
	path, b, err := o.location().Binding(ctx)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: --ttl shift and --ttl-min go by the time when the load began, and %s holds no journal of it: give the --state of the load",
			errRefused, path)
	case err != nil:
		return err
	case b.Dump != m.Dump:
		return fmt.Errorf("%w: %s holds the journal of the load of another dump: give the --state of the load", errRefused, path)
	}
	for name, now := range map[string]string{"--ttl": string(o.ttl.mode), "--ttl-min": o.ttl.least.String()} {
		if was := b.Settings[name]; was != now {
			return fmt.Errorf("%w: by the journal in %s the load had %s %s, not %s: give what it had, or its --state", errRefused, path, name, was, now)
		}
	}
	o.ttl.begin(b.Now, m)
	return nil
}
