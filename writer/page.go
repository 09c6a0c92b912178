package writer

import (
	"context"
	"errors"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// A page is what is read of a key at once: so many elements that their bytes are about pageBytes. How large they are is known only
// when they have come. A reply of several that passes pageLimit is given up with its connection, and an eighth is asked for.
const (
	pageElements = 200
	pageBytes    = 1 << 20
	pageLimit    = 4 << 20
)

// page sends a command for at most n elements, never fewer than least, and returns the n and the reply, which is valid until the
// next command.
func (v *Visitor) page(ctx context.Context, least int, command func(n int) []any) (n int, reply *value, err error) {
	for {
		if n = max(least, v.elements); v.elements == 0 {
			n = pageElements
		}
		limit := int64(pageLimit)
		if n == least {
			limit = maxText
		}
		reply, err = v.ask(ctx, limit, command(n))
		if errors.Is(err, errLarger) && n > least {
			v.elements = max(1, n/8)
			continue
		}
		if err != nil {
			return n, nil, err
		}
		if reply.kind != '*' {
			return n, nil, errUnexpected
		}
		switch size := reply.bytes(); {
		case size > pageBytes:
			v.elements = max(1, n/2)
		case size < pageBytes/4:
			v.elements = min(pageElements, 2*n)
		}
		return n, reply, nil
	}
}

// ask sends a command whose reply has at most limit bytes, as often as it takes; more are an errLarger. In a cluster there is no limit.
func (v *Visitor) ask(ctx context.Context, limit int64, args []any) (*value, error) {
	name := args[0].(string)
	v.wire.reset()
	v.wire.begin(name)
	for _, arg := range args[1:] {
		switch arg := arg.(type) {
		case []byte:
			v.wire.bytes(arg)
		case string:
			v.wire.word(arg)
		case int:
			v.wire.number(int64(arg))
		case int64:
			v.wire.number(arg)
		}
	}
	asks := []asked{{name: name, request: v.wire.end()}}
	err := v.repeat(ctx, func() error {
		if err := v.connect(ctx); err != nil {
			return err
		}
		defer context.AfterFunc(ctx, v.route.abort)()
		if c := v.route.conn; c != nil {
			c.values.most = limit
		}
		if err := v.route.read(ctx, &v.wire, asks); err != nil {
			return &CommandError{DB: v.db, Command: name, Err: lost(err)}
		}
		if reply := &asks[0].reply; reply.kind == '-' {
			advice := stopsLoad(reply.text)
			if advice == nil {
				advice = errUnexpected
			}
			return &CommandError{DB: v.db, Command: name, Reply: reply.text, Err: advice}
		}
		return nil
	})
	if errors.Is(err, errLarger) {
		_ = v.Close() // the rest of the reply is under way
	}
	return &asks[0].reply, err
}

// bytes is how many bytes all texts have.
func (v *value) bytes() int {
	n := len(v.text)
	for i := range v.list {
		n += v.list[i].bytes()
	}
	return n
}

// texts returns copies of the texts in a list. Nil is what some versions show of an empty one.
func (v *value) texts() ([][]byte, error) {
	out := make([][]byte, len(v.list))
	for i := range v.list {
		if !v.list[i].isText() {
			return nil, errUnexpected
		}
		out[i] = []byte(v.list[i].text)
	}
	return out, nil
}

// entries returns the entries of a stream.
func (v *value) entries() ([]format.Entry, error) {
	out := make([]format.Entry, len(v.list))
	for i, e := range v.list {
		if len(e.list) != 2 {
			return nil, errUnexpected
		}
		var err error
		if out[i].ID, err = parseID(e.list[0].text); err == nil {
			out[i].Fields, err = e.list[1].texts()
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}
