package writer

import (
	"cmp"
	"context"
	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
)

// Guard makes Ask watch every key from its first question on, so that DeleteWatched deletes none that was written to
// since. It reports whether the target can: clusters and older Kvrocks cannot (SERVERS.md K22), nor can a user who may not.
func (r *Reader) Guard(ctx context.Context) (bool, error) {
	if !r.loader.target.watches() {
		return false, nil
	}
	r.reset()
	for _, name := range []string{"UNWATCH", "MULTI", "DISCARD"} {
		r.add(-1, nil, name)
	}
	if err := r.exec(ctx); err != nil {
		return false, err
	}
	r.guarded = true
	for i := range r.asked {
		r.guarded = r.guarded && r.asked[i].reply.text == "OK"
	}
	return r.guarded, nil
}

// watch adds what watches the keys that begin with these questions. Those before are not watched any more, unless one of
// them goes on.
func (r *Reader) watch(qs []*question.Question) {
	if len(qs) > 0 && qs[0].Head {
		r.add(-1, decodeOK, "UNWATCH")
	}
	var keys [][]byte
	for _, p := range qs {
		if p.Head {
			keys = append(keys, p.Key)
		}
	}
	if len(keys) > 0 {
		r.add(-1, decodeOK, "WATCH", keys...)
	}
}

func decodeOK(_ *question.Question, reply *value) error {
	if reply.kind != '+' || reply.text != "OK" {
		return errUnexpected
	}
	return nil
}

// DeleteWatched deletes keys, or none if one of those that Ask watches was written to since.
func (r *Reader) DeleteWatched(ctx context.Context, keys [][]byte) (done bool, err error) {
	r.reset()
	r.add(-1, nil, "MULTI")
	r.add(-1, nil, "DEL", keys...)
	r.add(-1, nil, "EXEC")
	if err := r.exec(ctx); err != nil {
		return false, err
	}
	for i, a := range r.asked {
		reply := a.reply
		switch {
		case i == 0 && reply.text == "OK", i == 1 && reply.text == "QUEUED":
			continue
		case i == 2 && reply.kind == 0:
			return false, nil
		case i == 2 && len(reply.list) == 1 && reply.list[0].kind == ':':
			return true, nil
		case i == 2 && len(reply.list) == 1:
			reply = reply.list[0]
		}
		return false, &ReadError{DB: r.db, Command: a.name, Reply: reply.String(), Err: cmp.Or(stopsLoad(reply.text), errUnexpected)}
	}
	return false, nil
}
