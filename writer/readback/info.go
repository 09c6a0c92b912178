package readback

import (
	"context"
	"errors"
	"fmt"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// A KeyInfo is what a target shows of a key at a glance.
type KeyInfo struct {
	Kind   format.Kind // 0: there is no such key, or no dump can hold it
	Type   string      // as the target calls it; question.TypeNone: there is no such key
	Length int64       // elements; bytes of a string
	Expire int64       // Unix ms; 0: never
}

// kinds are those of the types that can be read.
var kinds = map[string]format.Kind{
	"string": format.String, "hash": format.Hash, "list": format.List,
	"set": format.Set, "zset": format.Zset, "stream": format.Stream,
}

// Types returns the types of keys, as the target calls them; question.TypeNone: there is no such
// key.
func (c *Client) Types(ctx context.Context, keys [][]byte) ([]string, error) {
	types := make([]string, len(keys))
	var there []int // keys that can be there: a longer one cannot have been sent
	for i, k := range keys {
		types[i] = question.TypeNone
		if !c.target.Takes(len(k)) {
			if err := c.repeat(ctx, func() error { return c.target.Learn(ctx, k) }); err != nil {
				return nil, err
			}
		}
		if c.target.Takes(len(k)) {
			there = append(there, i)
		}
	}
	if len(there) == 0 {
		return types, nil
	}
	err := c.all(ctx, func() {
		for _, i := range there {
			c.add(i, nil, "TYPE", keys[i])
		}
	})
	if err != nil {
		return nil, err
	}
	for i := range c.calls {
		types[c.calls[i].question] = c.calls[i].Reply.String()
	}
	return types, nil
}

// TypeOf returns the type of a dump that a target calls so; empty: no dump can hold it.
func TypeOf(name string) format.Type { return kinds[name].Type() }

// Info looks at keys.
func (c *Client) Info(ctx context.Context, keys [][]byte) ([]KeyInfo, error) {
	types, err := c.Types(ctx, keys)
	if err != nil {
		return nil, err
	}
	infos := make([]KeyInfo, len(keys))
	for i, t := range types {
		infos[i].Type, infos[i].Kind = t, kinds[t]
	}
	byTTL := !c.target.TellsExpiry()
	err = c.all(ctx, func() {
		if byTTL {
			c.addTime()
		}
		for i := range keys {
			if kind := infos[i].Kind; kind != 0 {
				c.add(i, nil, target.LengthCommands[kind], keys[i])
				c.add(i, nil, c.expiryCommand(), keys[i])
			}
		}
		if byTTL {
			c.addTime()
		}
	})
	if err != nil {
		return nil, err
	}
	now := int64(0) // by which a PTTL becomes a time
	if byTTL && len(c.calls) > 0 {
		if now, err = c.now(); err != nil {
			return nil, err
		}
	}
	for i := range c.calls {
		a := &c.calls[i]
		if a.question < 0 {
			continue
		}
		info := &infos[a.question]
		switch n := a.Reply.N; {
		case a.Name != c.expiryCommand():
			info.Length = n
		case n == -2: // it expired meanwhile
			*info = KeyInfo{Type: question.TypeNone}
		case n >= 0 && byTTL: // 0: it is about to expire
			info.Expire = roundedExpiry(now, n)
		default:
			info.Expire = max(0, n)
		}
	}
	return infos, nil
}

// ErrChanged: a key is being written to by somebody else, or expires. It is an ErrTransient.
var ErrChanged = errors.New("the key changes while it is read: stop what writes to the target, and run again")

// Unchanged looks again at keys that were read after Info showed them, and returns an error if one
// is another by now, or has come: what was read of it may be of both. One whose time has come is as
// it was read.
func (c *Client) Unchanged(ctx context.Context, keys [][]byte, infos []KeyInfo) error {
	changed, err := c.Changed(ctx, keys, infos)
	if err == nil && len(changed) > 0 {
		err = c.unread(keys[changed[0]], ErrChanged)
	}
	return err
}

// unread is the error for a key that was not read.
func (c *Client) unread(key []byte, err error) error {
	if errors.Is(err, ErrChanged) {
		err = conn.Mark(conn.ErrTransient, err)
	}
	return fmt.Errorf("read key %s of target %s: %w", resp.Quote(key), c.target.Addr, err)
}

// Changed is Unchanged that returns which of the keys are others by now.
func (c *Client) Changed(ctx context.Context, keys [][]byte, infos []KeyInfo) (changed []int, err error) {
	again, err := c.Info(ctx, keys)
	if err != nil {
		return nil, err
	}
	about := int64(0) // by how many ms what is told of one expiry can differ
	if !c.target.TellsExpiry() {
		about = 1500
	}
	for i, now := range again {
		was := infos[i]
		if now.Type == question.TypeNone && was.Expire > 0 {
			continue
		}
		apart := max(now.Expire-was.Expire, was.Expire-now.Expire)
		if now.Type != was.Type || now.Length != was.Length || (now.Expire == 0) != (was.Expire == 0) || apart > about {
			changed = append(changed, i)
		}
	}
	return changed, nil
}

// expiryCommand asks for an expiry: a time, or what is left.
func (c *Client) expiryCommand() string {
	if c.target.TellsExpiry() {
		return "PEXPIRETIME"
	}
	return "PTTL"
}

func (c *Client) addTime() {
	if c.target.TellsTime() {
		c.add(-1, nil, "TIME")
	}
}

// now returns the target's time in Unix ms while it gave the replies: addTime was first and last.
func (c *Client) now() (int64, error) {
	if !c.target.TellsTime() {
		return c.target.Clock().UnixMilli(), nil
	}
	sum := int64(0)
	for _, a := range []*call{&c.calls[0], &c.calls[len(c.calls)-1]} {
		micros, err := target.Micros(&a.Reply)
		if err != nil {
			return 0, c.refused("TIME", a.Reply.String())
		}
		sum += micros / 1000
	}
	return sum / 2, nil
}

// roundedExpiry is when a key expires that has ttl ms left at now, on a target that stores seconds
// (SERVERS.md K6).
func roundedExpiry(now, ttl int64) int64 { return (now + ttl + 500) / 1000 * 1000 }
