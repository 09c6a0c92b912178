package writer

import (
	"context"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// Limits of one MSET: the server holds the locks of all its keys for as long as it takes.
const (
	groupKeys  = 200
	groupBytes = 128 << 10
	groupValue = 4 << 10 // a larger value gains nothing
)

const (
	// borrowFrom is the size from which a value is not copied into the batch: the
	// batch is then flushed before the record that holds it goes away.
	borrowFrom = 64 << 10
	// argOverhead is what an argument costs beside its bytes, in the request and here.
	argOverhead = 16
)

// A bulk is an argument of a command. A pointer to it goes to go-redis without the
// allocation that a []byte in an interface needs.
type bulk []byte

// MarshalBinary is how go-redis gets the bytes of an argument.
func (b *bulk) MarshalBinary() ([]byte, error) { return *b, nil }

// A want is what a command on a fresh key must answer.
type want uint8

const (
	wantOK     want = iota
	wantCount       // the integer n
	wantID          // the text of id
	wantExpiry      // 1; 0 when the server has taken nothing of the key
	wantAny         // any integer
)

// A command is one command of a batch and what it must answer.
type command struct {
	name     string
	key      *key
	group    []*key // MSET: its keys; key is nil then
	want     want
	n        int64
	id       format.StreamID
	member   []byte // ZADD of one unusual score: a refusal concerns this member only
	data     bool   // it carries part of the key
	always   bool   // it is sent for a key that is out, too
	elements int
	bytes    int // of the dump that it carries
	reply    *redis.Cmd
}

// A batch is the commands of one pipeline. Every argument is copied into its arena,
// or borrowed; nothing of it is kept after a flush but the memory.
type batch struct {
	arena    []byte
	slots    []bulk
	args     []any
	commands []command
	start    int // where in args the command that is being built begins
	size     int // bytes of the requests, nearly
	keys     int // that begin in it
	borrowed bool

	group     []*key // the MSET that is being filled
	groupArgs []any
	groupSize int // bytes of the dump in it
}

// begin starts a command.
func (b *batch) begin(name string) {
	b.start = len(b.args)
	b.args = append(b.args, name)
	b.size += argOverhead
}

// word adds an argument of the protocol.
func (b *batch) word(s string) { b.args = append(b.args, s) }

// number adds an integer.
func (b *batch) number(n int64) {
	b.args = append(b.args, n)
	b.size += argOverhead
}

// bytes adds what a key holds, or an argument's text that the caller uses again.
func (b *batch) bytes(p []byte) { b.args = append(b.args, b.slot(p)) }

// slot copies p, or borrows it when it is large.
func (b *batch) slot(p []byte) *bulk {
	b.size += len(p) + argOverhead
	if len(p) >= borrowFrom {
		b.borrowed = true
		return b.own(p)
	}
	at := len(b.arena)
	b.arena = append(b.arena, p...)
	return b.own(b.arena[at:len(b.arena):len(b.arena)])
}

// name adds a key's name, which lives as long as its key.
func (b *batch) name(k *key) {
	b.size += len(k.name) + argOverhead
	b.args = append(b.args, b.own(k.name))
}

// own adds p as it is. When slots grows, the pointers into the old array stay good.
func (b *batch) own(p []byte) *bulk {
	b.slots = append(b.slots, p)
	return &b.slots[len(b.slots)-1]
}

// end completes the command that begin started.
func (b *batch) end(c command) {
	c.name, _ = b.args[b.start].(string)
	c.reply = redis.NewCmd(context.Background(), b.args[b.start:len(b.args):len(b.args)]...)
	b.add(c)
}

func (b *batch) add(c command) {
	if c.key != nil {
		c.key.pending++
		if c.data {
			if c.key.queued == 0 {
				b.keys++
			}
			c.key.queued++
			c.key.data++
		}
	}
	b.commands = append(b.commands, c)
}

// addToGroup adds a whole string without an expiry to the MSET that is being filled.
func (b *batch) addToGroup(k *key, value []byte) {
	k.pending++
	k.data++
	k.queued++
	b.keys++
	b.size += len(k.name) + argOverhead
	b.group = append(b.group, k)
	b.groupArgs = append(b.groupArgs, b.own(k.name), b.slot(value))
	b.groupSize += len(k.name) + len(value)
	if len(b.group) >= groupKeys || b.groupSize >= groupBytes {
		b.closeGroup()
	}
}

// closeGroup makes a command of the MSET that is being filled; of one string, a SET.
func (b *batch) closeGroup() {
	if len(b.group) == 0 {
		return
	}
	name := "MSET"
	if len(b.group) == 1 {
		name = "SET"
	}
	b.begin(name)
	b.args = append(b.args, b.groupArgs...)
	c := command{
		name:     name,
		want:     wantOK,
		data:     true,
		elements: len(b.group),
		bytes:    b.groupSize,
		reply:    redis.NewCmd(context.Background(), b.args[b.start:len(b.args):len(b.args)]...),
	}
	if len(b.group) == 1 {
		c.key = b.group[0]
	} else {
		c.group = append([]*key(nil), b.group...)
	}
	b.commands = append(b.commands, c) // its keys have been counted by addToGroup
	b.group, b.groupArgs, b.groupSize = b.group[:0], b.groupArgs[:0], 0
}

// singles returns the SETs that a refused MSET stands for.
func (b *batch) singles(c *command) []command {
	args := c.reply.Args()[1:]
	sets := make([]command, len(c.group))
	for i, k := range c.group {
		value, _ := args[2*i+1].(*bulk)
		sets[i] = command{
			name: "SET", key: k, want: wantOK, data: true, elements: 1, bytes: len(k.name) + len(*value),
			reply: redis.NewCmd(context.Background(), "SET", args[2*i], value),
		}
	}
	return sets
}

// empty reports whether there is nothing to flush.
func (b *batch) empty() bool { return len(b.commands) == 0 && len(b.group) == 0 }

// reset forgets everything but the memory. What was borrowed must not be held on to.
func (b *batch) reset() {
	clear(b.slots)
	clear(b.args)
	clear(b.commands)
	clear(b.group)
	clear(b.groupArgs)
	*b = batch{
		arena:     b.arena[:0],
		slots:     b.slots[:0],
		args:      b.args[:0],
		commands:  b.commands[:0],
		group:     b.group[:0],
		groupArgs: b.groupArgs[:0],
	}
}
