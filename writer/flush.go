package writer

import (
	"context"
	"fmt"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
	"github.com/pika2kvrocks/pika2kvrocks/writer/checkpoint"
	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
)

// flush sends what is queued and checks every reply.
func (w *Worker) flush(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("load database %d: %w", w.db, err)
	}
	w.queue.batch.closeGroup()
	w.queue.raw.end(true, nil)
	if w.options.OnExists == Skip {
		if err := w.askExists(ctx); err != nil {
			return err
		}
	}
	if err := w.closeRaw(); err != nil {
		return err
	}
	if w.options.OnExists != Skip && !w.queue.batch.empty() {
		if err := w.job.announce(w.records, &w.announced); err != nil {
			return err
		}
	}
	var f Pipeline
	for commands := w.queue.batch.commands; len(commands) > 0; {
		commands = w.dropDead(commands)
		if err := w.fly(ctx, commands, &f); err != nil {
			return err
		}
		var more []command
		for i := range commands {
			again, err := w.check(ctx, &commands[i])
			if err != nil {
				return err
			}
			more = append(more, again...)
		}
		commands = more
	}
	w.queue.batch.reset()
	w.queue.raw.reset()
	if err := w.mark(); err != nil {
		return err
	}
	if f.Commands == 0 {
		return nil
	}
	return w.options.Pacer.Rest(ctx, f)
}

// mark makes a checkpoint of where the worker is: nothing is under way. Not in the middle of a
// record, and not of a string, which is always written from its beginning.
func (w *Worker) mark() error {
	if w.queue.dirty {
		return nil
	}
	p := checkpoint.Checkpoint{Record: w.records}
	if k := w.open; k != nil && k.first < w.records {
		switch {
		case k.out != alive || k.kind.Type() != format.TypeString:
			p.Open = &checkpoint.OpenKey{First: k.first, Taken: k.taken, Bytes: k.bytes, Out: k.out != alive}
		case k.queued > 0:
			return nil
		default:
			p.Record = k.first
		}
	}
	w.since = 0
	w.account.tell()
	if w.job.Reached == nil {
		return nil
	}
	p.Stats.Add(w.account.stats) // a copy
	return w.job.Reached(p)
}

// dropDead removes the commands of keys that are out since they were queued.
func (w *Worker) dropDead(commands []command) []command {
	kept := commands[:0]
	for _, c := range commands {
		if c.key != nil && c.key.out != alive && !c.always {
			w.answered(c.key, c.data)
			continue
		}
		kept = append(kept, c)
	}
	return kept
}

// answered takes a command, or data in one, off what k waits for.
func (w *Worker) answered(k *key, data bool) {
	k.pending--
	if data {
		k.data--
	}
	w.done(k)
}

// exec sends commands whose requests are in e at once, and reads their replies. An error reply is
// not its error.
func (w *Worker) exec(ctx context.Context, e *resp.Encoder, commands []command) error {
	if len(commands) == 0 {
		return nil
	}
	// A context that ends stops the load between two pipelines: this one's outcome is waited for.
	failed, err := w.router.Exchange(ctx, e, len(commands), calls(commands))
	if err == nil {
		return nil
	}
	if !w.target.IsCluster() {
		// Replies that came before the connection was lost are looked at only for the reason: the
		// caller cannot use half a pipeline.
		for i := range commands[:failed] {
			if c := &commands[i]; c.Reply.IsError() {
				if advice := conn.Fatal(c.Reply.Text); advice != nil {
					return w.stop(c, c.Reply.Text, advice)
				}
			}
		}
	}
	return w.stop(&commands[failed], "", conn.Lost(err))
}

// fly is exec, and adds to f what was sent.
func (w *Worker) fly(ctx context.Context, commands []command, f *Pipeline) error {
	if w.options.Pacer == nil {
		return w.exec(ctx, &w.queue.batch.encoder, commands)
	}
	start := time.Now()
	if err := w.exec(ctx, &w.queue.batch.encoder, commands); err != nil {
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
		for j := range c.raw {
			if p := &c.raw[j]; p.key == nil || p.key.written == 0 {
				f.Keys += max(1, p.keys)
			}
		}
		if c.data && c.key != nil && c.key != last && c.key.written == 0 {
			f.Keys++
			last = c.key
		}
	}
	return nil
}
