package reader

import (
	"context"
	"sync"
)

// A Held setting is what a run relies on. A restart of the source undoes what was changed by
// CONFIG SET.
type Held struct {
	Name, Value string
	// Again is told what it is after a restart, before it is changed again. An error ends the pass.
	Again func(now string) error

	mu       sync.Mutex
	restarts int64 // up to which it was looked at
}

// ensure looks at the setting if the source was restarted since it was looked at last. Do sends
// commands over a new connection.
func (h *Held) ensure(ctx context.Context, restarts int64, do do) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.restarts == restarts {
		return nil
	}
	now, err := config(ctx, do, h.Name)
	if err == nil && now != h.Value {
		if err = h.Again(now); err == nil {
			err = setConfig(ctx, do, h.Name, h.Value)
		}
	}
	if err == nil {
		h.restarts = restarts
	}
	return err
}

func setConfig(ctx context.Context, do do, name, value string) error {
	p := do(ctx, "CONFIG", "SET", name, value)
	p.Answers("CONFIG SET "+name+" "+value, nil)
	if err := p.Status(); err != nil {
		return err
	}
	now, err := config(ctx, do, name)
	if err != nil {
		return err
	}
	if now != value {
		return p.Odd("OK, but it is %s", now)
	}
	return nil
}
