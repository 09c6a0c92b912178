package reader

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// info reads one section of INFO into its fields.
func (c *conn) info(ctx context.Context, section string) (map[string]string, error) {
	p := c.do(ctx, "INFO", section)
	return resp.Fields(string(p.Bulk())), p.Err()
}

// config reads one parameter; empty if the server has none of that name.
func (c *conn) config(ctx context.Context, name string) (string, error) {
	return config(ctx, c.do, name)
}

// A do sends one command: conn.do, or conn.doOnce before the connection has logged in.
type do = func(ctx context.Context, args ...any) *resp.Replies

func config(ctx context.Context, do do, name string) (string, error) {
	p := do(ctx, "CONFIG", "GET", name)
	pair := p.Bulks(nil, 1)
	if p.Err() != nil || len(pair) < 2 {
		return "", p.Err()
	}
	return string(pair[1]), nil
}

// time returns the server's clock in Unix ms.
func (c *conn) time(ctx context.Context) (int64, error) {
	p := c.do(ctx, "TIME")
	return readTime(p), p.Err()
}

// readTime takes the reply of TIME: Unix ms.
func readTime(p *resp.Replies) int64 {
	p.Answers("TIME", nil)
	sec, us := p.Head(), p.Bulk()
	s, err1 := resp.ParseInt(sec)
	u, err2 := resp.ParseInt(us)
	if err1 != nil || err2 != nil || s < 0 || s > 1<<40 || u < 0 || u > 999_999 {
		p.Odd("%q %q", sec, us)
		return 0
	}
	return s*1000 + u/1000
}

// keys returns the first n keys that a range command lists.
func keys(ctx context.Context, do do, command string, t format.Type, from, to []byte, n int) ([][]byte, error) {
	p := do(ctx, command, string(t), from, to, "LIMIT", n)
	_, keys := p.Page(nil, 1)
	for i := range keys {
		keys[i] = bytes.Clone(keys[i])
	}
	return keys, p.Err()
}

// oneKey returns the first key that a range command lists; nil if there is none.
func (c *conn) oneKey(ctx context.Context, command string, t format.Type, from, to []byte) ([]byte, error) {
	found, err := keys(ctx, c.doOnce, command, t, from, to, 1)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// keysOf lists the streams whose names match pattern. Where the reply is larger than most, it
// returns the first ones beside the error.
func (c *conn) keysOf(ctx context.Context, pattern string, most int) ([][]byte, error) {
	var b resp.Batch
	b.Add("KEYS", pattern, "stream")
	buf := resp.Buffer{Max: most}
	p := c.askOnce(ctx, &b, &buf) // what takes too long is not asked again as it is: see listLess
	if errors.Is(p.Err(), resp.ErrTooLarge) {
		return buf.Replies("KEYS").First(2), p.Err()
	}
	return p.Bulks(nil, 1), p.Err()
}

// tooLarge reports whether a list of names was larger than we, or the source, allow.
func tooLarge(err error) bool {
	var re *ReplyError
	return errors.Is(err, resp.ErrTooLarge) || errors.As(err, &re) && strings.Contains(re.Reply, "max-client-response-size")
}

// probe is a key that hardly anybody has, behind nearly all others: a 4.0 walks from it over keys
// of other types, to the next of the type of a page or to the end of the keyspace (SERVERS.md P1,
// P13).
var probe = []byte("\xff\xff\xff\xffpikadump:probe")

// prove sends commands and returns an error if one of them cannot be used.
func (c *conn) prove(ctx context.Context, b *resp.Batch) error {
	p := c.ask(ctx, b, &c.spare)
	for i := range b.Len() {
		p.Answers(b.Name(i), nil)
		re := p.Refused()
		switch {
		case re == nil:
			p.Skip()
		case errors.Is(re, ErrAuth):
			return fmt.Errorf("%w: the account may not send what a dump needs: %w", ErrAuth, re)
		case re.UnknownCommand():
			return fmt.Errorf("%w: %w: it is renamed or blacklisted", ErrRefused, re)
		case !re.WrongType() && !re.NoSuchKey(): // else the command works
			return re
		}
	}
	return p.Err()
}
