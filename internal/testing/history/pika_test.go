package history

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// A pika is a simulated source, whose clock stands until it is moved, with an account of all that
// is written to it.
type pika struct {
	*maker
	h       *history
	version pikasim.Version
	ledger  *ledger
	addr    string

	c     *redis.Client
	clock atomic.Int64 // Unix ms
	own   atomic.Bool  // the commands that come are of this test
}

// startPika starts a source. Each looks at every command before it runs, and may have the
// connection cut.
func startPika(h *history, v pikasim.Version, config map[string]string, each func(args [][]byte) (cut bool)) *pika {
	h.Helper()
	p := &pika{maker: &maker{dice: h.rng}, h: h, version: v, ledger: newLedger()}
	p.clock.Store(time.Now().Unix()*1000 + 500)
	s, err := pikasim.Start(pikasim.Options{
		Version: v, Config: config, Clock: func() time.Time { return time.UnixMilli(p.clock.Load()) },
		Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
			return nil, false, !p.own.Load() && each(args)
		},
	})
	h.must(err)
	h.Cleanup(func() { _ = s.Close() })
	p.addr = s.Addr()
	p.c = redis.NewClient(&redis.Options{Addr: p.addr, Protocol: 2, DisableIdentity: true, MaxRetries: -1, PoolSize: 1})
	h.Cleanup(func() { _ = p.c.Close() })
	return p
}

// oneType reports whether a name has one type.
func (p *pika) oneType() bool { return p.version == pikasim.V401 }

// meanwhile does something at the source beside what the tools do.
func (p *pika) meanwhile(do func()) {
	p.own.Store(true)
	defer p.own.Store(false)
	do()
}

func (p *pika) do(args ...any) {
	p.h.Helper()
	if err := p.c.Do(context.Background(), args...).Err(); err != nil {
		panic(fmt.Sprintf("%.100q: %v", args, err))
	}
}

// put writes a key that is not there.
func (p *pika) put(i id, v *value) {
	list := v.commands(i.name)
	if v.expire != 0 && !p.oneType() && v.kind == format.String { // EXPIREAT is for all types of a name
		list = [][]any{{"SETEX", i.name, v.expire/1000 - p.clock.Load()/1000, v.text}}
	}
	pipe := p.c.Pipeline()
	for _, cmd := range list {
		pipe.Do(context.Background(), cmd...)
	}
	if _, err := pipe.Exec(context.Background()); err != nil {
		panic(fmt.Sprintf("write %s: %v", i, err))
	}
	if v.expire == 0 || list[0][0] == "SETEX" {
		p.ledger.put(i, v)
		return
	}
	p.ledger.put(i, v.expiring(0))
	p.expire(i.name, v.expire)
}

// expire gives all types of a name an expiry.
func (p *pika) expire(name string, at int64) {
	p.do("EXPIREAT", name, at/1000)
	for _, k := range kinds[:5] {
		if v := p.ledger.now(id{k, name}); v != nil {
			p.ledger.put(id{k, name}, v.expiring(at))
		}
	}
}

// persist takes the expiry of all types of a name.
func (p *pika) persist(name string) {
	p.do("PERSIST", name)
	for _, k := range kinds[:5] {
		if v := p.ledger.now(id{k, name}); v != nil && v.expire != 0 {
			p.ledger.put(id{k, name}, v.expiring(0))
		}
	}
}

// kinds are those that a name can have.
var kinds = []format.Kind{format.String, format.Hash, format.List, format.Zset, format.Set, format.Stream}

// del deletes all types of a name.
func (p *pika) del(name string) {
	p.do("DEL", name)
	for _, k := range kinds {
		if p.ledger.now(id{k, name}) != nil {
			p.ledger.put(id{k, name}, nil)
		}
	}
}

// pass lets time pass.
func (p *pika) pass(d time.Duration) {
	now := p.clock.Add(d.Milliseconds())
	p.ledger.pass(func(expire int64) bool {
		if p.oneType() {
			return expire < now
		}
		return expire/1000 < now/1000
	})
}

// inSeconds returns an expiry.
func (p *pika) inSeconds(n int64) int64 { return (p.clock.Load()/1000 + n) * 1000 }

// removeFront removes n elements at the front, all but one at the most.
func (p *pika) removeFront(i id, n int) {
	v := p.ledger.now(i)
	if n = min(n, len(v.elems)-1); n < 1 {
		return
	}
	switch i.kind {
	case format.List:
		for range n {
			p.do("LPOP", i.name)
		}
	default:
		cmd := []any{map[format.Kind]string{format.Hash: "HDEL", format.Set: "SREM", format.Zset: "ZREM", format.Stream: "XDEL"}[i.kind], i.name}
		for _, e := range v.elems[:n] {
			cmd = append(cmd, e.name)
		}
		p.do(cmd...)
	}
	w := v.without(0, n)
	if i.kind == format.Stream {
		w.state.MaxDeletedID = parseID(v.elems[n-1].name)
	}
	p.ledger.put(i, w)
}

// add adds n new elements, at the front if it can.
func (p *pika) add(i id, n int, front bool) {
	v := p.ledger.now(i)
	for range n {
		e := p.element(i.kind, 20)
		switch {
		case i.kind == format.Stream:
			id := v.state.LastID
			id.Ms++
			e.name = id.String()
			v = v.with(e)
			v.state.LastID, v.state.EntriesAdded = id, v.state.EntriesAdded+1
		case i.kind == format.List && front:
			w := *v
			w.elems = append([]element{e}, v.elems...)
			v = &w
		case front && i.kind != format.List:
			e.name = "!" + e.name
			v = v.with(e)
		default:
			v = v.with(e)
		}
		one := &value{kind: i.kind, elems: []element{e}}
		for _, cmd := range one.commands(i.name) {
			if i.kind == format.List && front {
				cmd[0] = "LPUSH"
			}
			p.do(cmd...)
		}
	}
	p.ledger.put(i, v)
}

// change gives some elements other values, or a string another text.
func (p *pika) change(i id, n int) {
	v := p.ledger.now(i)
	switch i.kind {
	case format.String:
		w := &value{kind: format.String, text: p.text(20)}
		p.do("SET", i.name, w.text) // it takes the expiry
		p.ledger.put(i, w)
	case format.Hash, format.Zset:
		var some []element
		for range n {
			e := p.element(i.kind, 20)
			e.name = v.elems[p.dice.IntN(len(v.elems))].name
			some = append(some, e)
		}
		part := (&value{kind: i.kind}).with(some...)
		for _, cmd := range part.commands(i.name) {
			p.do(cmd...)
		}
		p.ledger.put(i, v.with(some...))
	}
}
