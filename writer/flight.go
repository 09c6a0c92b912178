package writer

import (
	"context"
	"time"
)

// A Pacer slows a load down. It is called by every worker: it must be safe for concurrent use.
type Pacer interface {
	// Rest is told of a pipeline whose replies were read, and returns when the next of this worker may go. An
	// error ends the load.
	Rest(ctx context.Context, p Pipeline) error
}

// A Pipeline is what one brought.
type Pipeline struct {
	Commands int
	Keys     int // that were begun
	Elements int // fields, members, elements, entries; a string is one
	Bytes    int // of keys, fields, values, members and elements
	Took     time.Duration
}

// fly is exec, and adds to f what was sent.
func (w *Worker) fly(ctx context.Context, commands []command, f *Pipeline) error {
	if w.loader.options.Pacer == nil {
		return w.exec(ctx, &w.batch.wire, commands)
	}
	start := time.Now()
	if err := w.exec(ctx, &w.batch.wire, commands); err != nil {
		return err
	}
	f.Took += time.Since(start)
	f.Commands += len(commands)
	var last *key
	for i := range commands {
		c := &commands[i]
		f.Elements += c.elements
		f.Bytes += c.bytes
		f.Keys += len(c.group)
		if c.data && c.key != nil && c.key != last && c.key.written == 0 {
			f.Keys++
			last = c.key
		}
	}
	return nil
}

// rest waits until the next pipeline may go.
func (w *Worker) rest(ctx context.Context, f *Pipeline) error {
	if f.Commands == 0 {
		return nil
	}
	return w.loader.options.Pacer.Rest(ctx, *f)
}
