package main

import (
	"context"
	"errors"

	"github.com/pika2kvrocks/pika2kvrocks/internal/verify"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// A readback lets the engine of verify ask a target: writer and internal do not know one another. It connects when it
// is first asked, and again when the connection is lost: to ask twice does no harm.
type readback struct {
	l     *writer.Loader
	db    int
	again writer.Again
	moved bool // something was answered since again was asked

	r      *writer.Reader // nil: none is open
	pieces []*writer.Piece
}

// A lost is an error of a connection, which may pass by itself.
type lost struct{ error }

func (e lost) Is(target error) bool { return target == writer.ErrTransient }
func (e lost) Unwrap() error        { return e.error }

// Ask is of verify.Server. A Question and a Piece are the same struct.
func (r *readback) Ask(ctx context.Context, qs []*verify.Question) error {
	r.pieces = r.pieces[:0]
	for _, q := range qs {
		r.pieces = append(r.pieces, (*writer.Piece)(q))
	}
	defer clear(r.pieces)
	for {
		err := r.ask(ctx)
		if err == nil {
			r.moved = true
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if isLost(err) {
			err = lost{err}
		}
		if !errors.Is(err, writer.ErrTransient) {
			return err
		}
		_ = r.Close() // it is lost, or has replies under way
		if err := r.again(ctx, err, r.moved); err != nil {
			return err
		}
		r.moved = false
	}
}

// ask asks once.
func (r *readback) ask(ctx context.Context) (err error) {
	if r.r == nil {
		if r.r, err = r.l.NewReader(ctx, r.db); err != nil {
			return err
		}
	}
	for _, p := range r.pieces { // what an attempt before has filled in
		p.Type, p.Expire, p.Total, p.Extra, p.State, p.Unasked, p.Changed = "", 0, 0, 0, nil, "", ""
		p.Values, p.Found, p.Scores, p.IDs, p.Fields = p.Values[:0], p.Found[:0], p.Scores[:0], p.IDs[:0], p.Fields[:0]
	}
	return r.r.Read(ctx, r.pieces)
}

// Close closes the connections.
func (r *readback) Close() error {
	old := r.r
	if r.r = nil; old == nil {
		return nil
	}
	return old.Close()
}
