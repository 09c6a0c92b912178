package verifytarget

import (
	"context"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/verify"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
)

// A paced server is asked at a rate.
type paced struct {
	verify.Server
	throttle *load.Throttle
}

// Ask counts what was asked for and answered, and rests before the next may go.
func (p paced) Ask(ctx context.Context, qs []*question.Question) error {
	began := time.Now()
	if err := p.Server.Ask(ctx, qs); err != nil {
		return err
	}
	done := writer.Pipeline{}
	load.Asked(&done, qs, began)
	return p.throttle.Rest(ctx, done)
}

// restAfter rests after names that a server has listed or was asked for.
func (c *comparison) restAfter(ctx context.Context, names int, bytes int, took time.Duration) error {
	if c.throttle == nil {
		return nil
	}
	return c.throttle.Rest(ctx, writer.Pipeline{Commands: 1, Keys: names, Bytes: bytes, Took: took})
}
