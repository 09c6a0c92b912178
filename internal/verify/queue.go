package verify

import (
	"context"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

func (c *Checker) queue(ctx context.Context, k *key, r *format.Record, borrowed bool) error {
	if r.State != nil {
		k.state = new(*r.State)
	}
	switch {
	case c.o.KeysOnly:
		c.count(k, r)
		if r.Part&format.PartLast == 0 {
			return nil
		}
		it := c.add(k, 0)
		it.Head, it.Tail, it.Length = true, true, true
		return c.full(ctx)
	case r.Kind.Type() == format.TypeString:
		return c.queueString(ctx, k, r, borrowed)
	}
	return c.queueElements(ctx, k, r, borrowed)
}

// count adds the elements of a record to what its key must have.
func (c *Checker) count(k *key, r *format.Record) {
	k.wanted += int64(r.Length())
	if r.Kind == format.List {
		return
	}
	for i := range len(r.Elems) / step(r.Kind) {
		refused := r.Kind == format.Zset && c.o.Refuses != nil && c.o.Refuses(r.Scores[i])
		if refused || c.leftOut(k, member(r, i)) {
			k.refused++
		}
	}
	for i := range r.Entries {
		if c.leftOut(k, []byte(r.Entries[i].ID.String())) {
			k.refused++
		}
	}
}

// step is how many of Elems an element of a collection has.
func step(kind format.Kind) int {
	if kind == format.Hash {
		return 2
	}
	return 1
}

// member returns the field, member or element in a place of a collection.
func member(r *format.Record, i int) []byte { return r.Elems[i*step(r.Kind)] }

// add begins a question of k about size bytes.
func (c *Checker) add(k *key, size int) *item {
	if c.n == len(c.items) {
		c.items = append(c.items, &item{})
	}
	it := c.items[c.n]
	c.n++
	c.size += size + len(k.name) + elementBytes
	it.key = k
	it.Kind, it.Key = k.kind, k.name
	it.Head, it.Tail, it.Length = !k.asked, false, false
	k.asked = true
	k.pending++
	return it
}

// full flushes when the flight has its size.
func (c *Checker) full(ctx context.Context) error {
	if c.n >= flightQuestions || c.size >= flightBytes {
		return c.flush(ctx)
	}
	return nil
}

// keep copies b to where it stays until the flush, unless it does so by itself.
func (c *Checker) keep(b []byte, borrowed bool) []byte {
	if borrowed {
		return b
	}
	at := len(c.arena)
	c.arena = append(c.arena, b...)
	return c.arena[at:len(c.arena):len(c.arena)]
}

// queueString asks for a string. Parts of a large one are joined.
func (c *Checker) queueString(ctx context.Context, k *key, r *format.Record, borrowed bool) error {
	if r.Part == format.PartWhole {
		return c.askString(ctx, k, c.keep(r.Value, borrowed), true)
	}
	if k.over() {
		return nil
	}
	c.joined = append(c.joined, r.Value...)
	last := r.Part&format.PartLast != 0
	if !last && len(c.joined) < joinBytes {
		return nil
	}
	if err := c.askString(ctx, k, c.joined, last); err != nil {
		return err
	}
	err := c.flush(ctx)
	if c.joined = c.joined[:0]; last {
		c.joined = nil
	}
	return err
}

func (c *Checker) askString(ctx context.Context, k *key, value []byte, last bool) error {
	for more := true; more; {
		n := min(len(value), joinBytes)
		more = n < len(value)
		it := c.add(k, n)
		it.Offset, it.Size, it.value, it.Tail = k.wanted, n, value[:n], last && !more
		k.wanted += int64(n)
		value = value[n:]
		if err := c.full(ctx); err != nil {
			return err
		}
	}
	return nil
}

// queueElements asks for the elements of a collection.
func (c *Checker) queueElements(ctx context.Context, k *key, r *format.Record, borrowed bool) error {
	offset := k.wanted
	c.count(k, r)
	last := r.Part&format.PartLast != 0
	if k.over() || r.Elements() == 0 && !last {
		return nil
	}
	return c.ask(ctx, k, offset, r.Elements(), last, func(it *item, i int) (size int) {
		if r.Kind == format.Stream {
			e := format.Entry{ID: r.Entries[i].ID}
			for _, f := range r.Entries[i].Fields {
				e.Fields = append(e.Fields, c.keep(f, borrowed))
				size += len(f)
			}
			it.entries = append(it.entries, e)
			k.last = e.ID
			return size + 2*elementBytes
		}
		name := member(r, i)
		it.Elems = append(it.Elems, c.keep(name, borrowed))
		switch r.Kind {
		case format.Hash:
			value := r.Elems[2*i+1]
			it.values = append(it.values, c.keep(value, borrowed))
			size = len(value)
		case format.Zset:
			it.scores = append(it.scores, r.Scores[i])
		}
		return size + len(name) + elementBytes
	})
}

// ask makes as many questions as it takes of n elements, which take adds to one. It returns the
// bytes of each.
func (c *Checker) ask(ctx context.Context, k *key, offset int64, n int, last bool, take func(it *item, i int) (size int)) error {
	for i, more := 0, true; more; {
		it := c.add(k, 0)
		it.Offset, it.After = offset, k.last
		from, size := i, 0
		for ; i < n && i-from < questionElems && size < questionBytes; i++ {
			size += take(it, i)
		}
		more = i < n
		it.Until, it.Entries, it.Tail = k.last, len(it.entries), last && !more
		offset += int64(i - from)
		c.size += size
		if err := c.full(ctx); err != nil {
			return err
		}
	}
	return nil
}
