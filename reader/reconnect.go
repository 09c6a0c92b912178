package reader

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// errLost: the source closed the connection instead of answering. It does so to any whose
// commands run longer than its timeout (SERVERS.md P14).
var errLost = errors.New("connection lost")

// maxLost is how many times in a row a pass connects again and asks for less.
const maxLost = 8

// askLess is by how much less it then asks for.
const askLess = 8

// less returns less than n.
func less(n int) int { return max(1, n/askLess) }

// again reports whether to ask again for less after err, over a connection made anew. Everything
// sent is a read, and where a pass stands only we know: asking again is safe.
func (w *walk) again(ctx context.Context, err error) (bool, error) {
	if !errors.Is(err, errLost) || ctx.Err() != nil {
		return false, err
	}
	if w.lost++; w.lost > maxLost {
		t := "unknown"
		if w.s.source.Timeout > 0 {
			t = w.s.source.Timeout.String()
		}
		return false, fmt.Errorf("%w (%d times, however little was asked for; the source's timeout is %s: CONFIG SET timeout 0 there for the time of the dump may help)", err, w.lost, t)
	}
	if err := w.c.renew(ctx); err != nil {
		return false, err
	}
	return true, nil
}

// shrink flies the batch. While the connection is lost it makes the batch anew by less, which
// reports false if it cannot ask for less, and then sends fewer commands at once.
func (w *walk) shrink(ctx context.Context, b *batch, buf *replyBuffer, keys int, less func() bool) (*parser, time.Duration, error) {
	p, took, err := w.fly(ctx, b, buf, keys)
	if err == nil {
		w.lost = 0
		return p, took, nil
	}
	for at := len(b.cmds); ; {
		ok, fatal := w.again(ctx, err)
		if !ok {
			return nil, 0, fatal
		}
		if !less() {
			at = max(1, at/askLess)
		}
		if p, took, err = w.flySome(ctx, b, buf, keys, at); err == nil {
			w.lost = 0
			return p, took, nil
		}
	}
}

// flySome flies the batch n commands at a time.
func (w *walk) flySome(ctx context.Context, b *batch, buf *replyBuffer, keys, n int) (*parser, time.Duration, error) {
	if n >= len(b.cmds) {
		return w.fly(ctx, b, buf, keys)
	}
	buf.reset()
	var longest time.Duration
	for from := 0; from < len(b.cmds); from += n {
		part := batch{cmds: b.cmds[from:min(from+n, len(b.cmds))]}
		p, took, err := w.fly(ctx, &part, &w.part, keys*len(part.cmds)/len(b.cmds))
		if err != nil {
			return nil, 0, err
		}
		longest = max(longest, took)
		if _, err := buf.Write(p.b); err != nil {
			return nil, 0, fmt.Errorf("%s: %w", p.cmd, err)
		}
	}
	return &parser{b: buf.b, cmd: commandName(b.cmds[0])}, longest, nil
}
