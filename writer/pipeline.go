package writer

import (
	"cmp"
	"context"
	"fmt"

	"github.com/pika2kvrocks/pika2kvrocks/writer/checkpoint"
)

// flush sends what is queued and checks every reply.
func (w *Worker) flush(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("load database %d: %w", w.db, err)
	}
	w.batch.closeGroup()
	if w.loader.options.OnExists == Skip {
		if err := w.askExists(ctx); err != nil {
			return err
		}
	}
	if err := w.announce(); err != nil {
		return err
	}
	var f Pipeline
	for commands := w.batch.commands; len(commands) > 0; {
		commands = w.dropDead(commands)
		if err := w.fly(ctx, commands, &f); err != nil {
			return err
		}
		var more []command
		for i := range commands {
			c := &commands[i]
			again, err := w.check(c)
			if err != nil {
				return err
			}
			more = append(more, again...)
		}
		commands = more
	}
	w.batch.reset()
	if err := w.mark(); err != nil {
		return err
	}
	return w.rest(ctx, &f)
}

// sentStep is how many records are announced at the least.
const sentStep = 4096

// announce says up to which record the target may have been sent some. Steps grow, so that there are few of them.
func (w *Worker) announce() error {
	if w.job.Sending == nil || w.loader.options.OnExists == Skip || w.batch.empty() || w.records < w.announced {
		return nil
	}
	w.announced = w.records + max(sentStep, w.records-w.job.From.Record)
	return w.job.Sending(w.announced)
}

// mark makes a checkpoint of where the worker is: nothing is under way. Not in the middle of a record,
// and not of a string, which is always written from its beginning.
func (w *Worker) mark() error {
	if w.dirty {
		return nil
	}
	p := checkpoint.Checkpoint{Record: w.records}
	if k := w.open; k != nil && k.first < w.records {
		switch {
		case k.out != alive || !k.isString():
			p.Open = &checkpoint.OpenKey{First: k.first, Taken: k.taken, Bytes: k.bytes, Out: k.out != alive}
		case k.queued > 0:
			return nil
		default:
			p.Record = k.first
		}
	}
	w.since = 0
	for _, l := range w.reports {
		w.reporter()(l)
	}
	clear(w.reports)
	w.reports = w.reports[:0]
	if w.job.Reached == nil {
		return nil
	}
	p.Stats.Add(w.job.From.Stats)
	p.Stats.Add(w.Stats())
	p.Stats.Subtract(w.before)
	return w.job.Reached(p)
}

// dropDead removes the commands of keys that are out since they were queued.
func (w *Worker) dropDead(commands []command) []command {
	kept := commands[:0]
	for _, c := range commands {
		if c.key != nil && c.key.out != alive && !c.always {
			w.answered(&c)
			continue
		}
		kept = append(kept, c)
	}
	return kept
}

// answered takes c off what its key waits for.
func (w *Worker) answered(c *command) {
	k := c.key
	k.pending--
	if c.data {
		k.data--
	}
	w.done(k)
}

// exec sends commands of a wire at once, and reads their replies. An error reply is not its error.
func (w *Worker) exec(ctx context.Context, requests *wire, commands []command) error {
	if len(commands) == 0 {
		return nil
	}
	failed, err := w.route.write(ctx, requests, commands)
	if err == nil {
		return nil
	}
	// Replies that came before the connection was lost are looked at only for the reason:
	// the caller cannot use half a pipeline.
	for i := range commands[:failed] {
		if c := &commands[i]; c.reply.kind == '-' {
			if advice := stopsLoad(c.reply.text); advice != nil {
				return w.stop(c, c.reply.text, advice)
			}
		}
	}
	return w.stop(&commands[failed], "", lost(err))
}

// askExists leaves out the keys of the batch that the target holds already.
func (w *Worker) askExists(ctx context.Context) error {
	var b batch
	for i := range w.batch.commands {
		k := w.batch.commands[i].key
		if k.checked {
			continue
		}
		k.checked = true
		if k.out != alive {
			w.passed = append(w.passed, k.first)
			continue
		}
		b.begin("EXISTS")
		b.name(k)
		b.commands = append(b.commands, b.made(command{key: k}))
	}
	asks := b.commands
	if err := w.exec(ctx, &b.wire, asks); err != nil {
		return err
	}
	var existed []*key
	spared := w.passed
	for i := range asks {
		a := &asks[i]
		w.stats.commands.Add(1)
		n, ok := a.reply.integer()
		switch {
		case a.reply.kind == '-':
			return w.stop(a, a.reply.text, cmp.Or(stopsLoad(a.reply.text), errUnexpected))
		case ok && n == 0:
		case ok && n == 1:
			existed, spared = append(existed, a.key), append(spared, a.key.first)
		default:
			return w.stop(a, a.reply.String(), errUnexpected)
		}
	}
	asked := int64(0) // all keys before were asked about, or are in spared
	if len(asks) > 0 {
		asked = asks[len(asks)-1].key.first + 1
	}
	if n := len(w.passed); n > 0 {
		asked = max(asked, w.passed[n-1]+1)
	}
	if w.job.Found != nil && asked > 0 {
		if err := w.job.Found(asked, spared); err != nil {
			return err
		}
	}
	w.passed = spared[:0]
	for _, k := range existed {
		w.leave(k, ReasonExists, "", "")
	}
	return nil
}
