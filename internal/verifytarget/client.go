package verifytarget

import (
	"context"
	"errors"

	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/verify"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// A Client asks a target: it is a verify.Server. It connects when it is first asked, and again when
// the connection is lost: to ask twice does no harm.
type Client struct {
	l     *writer.Loader
	db    int
	again writer.RetryFunc
	moved bool // something was answered since again was asked
	guard bool // keys that are asked for are watched, where the target can

	r       *writer.Reader // nil: none is open
	guarded bool           // the target can
	lost    bool           // a connection was, and with it what it watched
}

// NewClient returns a Client for the keyspace of a source database.
func NewClient(l *writer.Loader, db int, retry writer.RetryFunc) *Client {
	return &Client{l: l, db: db, again: retry}
}

// Guard watches keys that are asked for from now on, where the target can: Watches reports whether it
// does, once something was asked.
func (r *Client) Guard()        { r.guard = true }
func (r *Client) Watches() bool { return r.guarded }

// A lost is an error of a connection, which may pass by itself.
type lost struct{ error }

func (e lost) Is(target error) bool { return target == writer.ErrTransient }
func (e lost) Unwrap() error        { return e.error }

// Ask is of verify.Server.
func (r *Client) Ask(ctx context.Context, qs []*verify.Question) error {
	for {
		err := r.ask(ctx, qs)
		if err == nil {
			r.moved = true
			return nil
		}
		if err := r.wait(ctx, err); err != nil {
			return err
		}
	}
}

// wait returns when it is worth trying again after an error, over a new connection, or why it is not.
func (r *Client) wait(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if load.IsLost(err) {
		err = lost{err}
	}
	if !errors.Is(err, writer.ErrTransient) {
		return err
	}
	_ = r.Close() // it is lost, or has replies under way
	r.lost = true
	if err := r.again(ctx, err, r.moved); err != nil {
		return err
	}
	r.moved = false
	return nil
}

// DeleteWatched deletes keys that were asked for since it was called last. It deletes none, and is not done, if one of all those was
// written to since, or that cannot be known.
func (r *Client) DeleteWatched(ctx context.Context, keys [][]byte) (done bool, err error) {
	if r.lost || r.r == nil {
		r.lost = false
		return false, nil
	}
	if done, err = r.r.DeleteWatched(ctx, keys); err != nil {
		err = r.wait(ctx, err)
		r.lost = false
	}
	return done, err
}

// ask asks once.
func (r *Client) ask(ctx context.Context, qs []*verify.Question) (err error) {
	if r.r == nil {
		if r.r, err = r.l.NewReader(ctx, r.db); err != nil {
			return err
		}
		if r.guard {
			if r.guarded, err = r.r.Guard(ctx); err != nil {
				return err
			}
		}
	}
	for _, q := range qs {
		q.Clear() // what an attempt before has filled in
	}
	return r.r.Ask(ctx, qs)
}

// Close closes the connections.
func (r *Client) Close() error {
	old := r.r
	if r.r = nil; old == nil {
		return nil
	}
	return old.Close()
}
