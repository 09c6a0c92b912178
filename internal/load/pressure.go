package load

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/writer"
	"github.com/pika2kvrocks/pika2kvrocks/writer/admin"
)

// lookEvery is how often the target is asked how its storage bears the load.
const lookEvery = 3 * time.Second

// A pressure is how the target's storage bears the load, for the line of progress.
type pressure struct {
	log            io.Writer
	text           atomic.Pointer[string]
	looks, delayed int // at the storage, and those that found writes held back
}

// String returns it in words; empty: not known.
func (p *pressure) String() string {
	if text := p.text.Load(); text != nil {
		return *text
	}
	return ""
}

// observe looks at the target's storage while the load runs. That it cannot is said once, and ends
// nothing.
func (p *pressure) observe(ctx context.Context, l *writer.Loader, done <-chan struct{}) {
	if err := p.look(ctx, l, done); err != nil && ctx.Err() == nil {
		p.text.Store(nil)
		fmt.Fprintf(p.log, "warning: how the target's storage bears the load is not shown: %v\n", err)
	}
}

func (p *pressure) look(ctx context.Context, l *writer.Loader, done <-chan struct{}) (err error) {
	ob, err := admin.NewObserver(ctx, l.Target)
	if err != nil || ob == nil {
		return err
	}
	defer ob.Close()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		seen, err := ob.Look(ctx)
		if err != nil {
			return err
		}
		text := seen.String()
		p.text.Store(&text)
		p.looks++
		if seen.Delayed || seen.Stopped {
			p.delayed++
		}
		select {
		case <-tick.C:
		case <-done:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// summarize says, at the end, how often the target slowed the load down.
func (p *pressure) summarize() {
	if p.delayed > 0 {
		fmt.Fprintf(p.log, "the target held writes back in %d of %d looks at its storage: its compactions did not keep up (INFO rocksdb)\n", p.delayed, p.looks)
	}
}
