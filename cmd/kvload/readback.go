package main

import (
	"context"

	"github.com/pika2kvrocks/pika2kvrocks/internal/verify"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// A readback lets the engine of verify ask a target: writer and internal do not know one another.
type readback struct {
	*writer.Reader
	pieces []*writer.Piece
}

// Ask is of verify.Server. A Question and a Piece are the same struct.
func (r *readback) Ask(ctx context.Context, qs []*verify.Question) error {
	r.pieces = r.pieces[:0]
	for _, q := range qs {
		r.pieces = append(r.pieces, (*writer.Piece)(q))
	}
	defer clear(r.pieces)
	return r.Read(ctx, r.pieces)
}
