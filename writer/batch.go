package writer

import (
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
)

// Limits of one MSET: the server holds the locks of all its keys for as long as it takes.
const (
	groupKeys  = 200
	groupBytes = 128 << 10
	groupValue = 4 << 10 // a larger value gains nothing
)

// argOverhead is what an argument costs beside its bytes.
const argOverhead = 16

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
	conn.Call
	key      *key
	group    []*key    // MSET: its keys; key is nil then
	raw      []rawPart // APPLYBATCH: what it holds; key is nil then
	want     want
	n        int64
	id       format.StreamID
	member   []byte // ZADD of one unusual score: a refusal concerns this member only
	data     bool   // it carries part of the key
	always   bool   // it is sent for a key that is out, too
	drop     bool   // it deletes what the target holds of a key that is out
	elements int
	bytes    int // of the dump that it carries
}

// A batch is the commands of one pipeline. Nothing of it is kept after a flush but the memory.
type batch struct {
	encoder  resp.Encoder
	commands []command
	current  string // the command that is being built
	keys     int    // that begin in it
	borrowed bool   // the batch must be sent before the record goes away

	group     []*key // the MSET that is being filled
	groupArgs []byte // its arguments, as they go over the wire
	groupSize int    // bytes of the dump in it
}

func (b *batch) begin(name string) {
	b.current = name
	b.encoder.Begin(name)
}

// bytes adds what a key holds, or an argument's text that the caller uses again.
func (b *batch) bytes(p []byte) {
	if b.encoder.Bytes(p) {
		b.borrowed = true
	}
}

// name adds a key's name, which lives as long as its key.
func (b *batch) name(k *key) { b.encoder.Bytes(k.name) }

// made completes the command that begin started, without adding it.
func (b *batch) made(c command) command {
	c.Name, c.Request = b.current, b.encoder.End()
	return c
}

// whole makes a command of strings, integers, and bytes that live as long as its key, without
// adding it.
func (b *batch) whole(c command, name string, args ...any) command {
	c.Name, c.Request = name, b.encoder.Request(name, args...)
	return c
}

func (b *batch) request(c command, name string, args ...any) { b.add(b.whole(c, name, args...)) }

func (b *batch) end(c command) { b.add(b.made(c)) }

// size returns the bytes of the requests, nearly.
func (b *batch) size() int { return b.encoder.Size() + len(b.groupArgs) }

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

// addToGroup adds a whole string without an expiry to the MSET that is being filled. It is small.
func (b *batch) addToGroup(k *key, value []byte) {
	k.pending++
	k.data++
	k.queued++
	b.keys++
	b.group = append(b.group, k)
	b.groupArgs = resp.AppendBulk(resp.AppendBulk(b.groupArgs, k.name), value)
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
	c := command{want: wantOK, data: true, elements: len(b.group), bytes: b.groupSize}
	if len(b.group) == 1 {
		b.begin("SET")
		c.key = b.group[0]
	} else {
		b.begin("MSET")
		c.group = slices.Clone(b.group)
	}
	b.encoder.Join(b.groupArgs, 2*len(b.group))
	b.commands = append(b.commands, b.made(c)) // its keys have been counted by addToGroup
	b.group, b.groupArgs, b.groupSize = b.group[:0], b.groupArgs[:0], 0
}

// singles returns the SETs that a refused MSET stands for.
func (b *batch) singles(c *command) []command {
	args := b.encoder.Arguments(c.Request)[1:]
	sets := make([]command, len(c.group))
	for i, k := range c.group {
		name, value := args[2*i], args[2*i+1]
		c := command{key: k, want: wantOK, data: true, elements: 1, bytes: len(name) + len(value)}
		sets[i] = b.whole(c, "SET", name, value)
	}
	return sets
}

// empty reports whether there is nothing to flush.
func (b *batch) empty() bool { return len(b.commands) == 0 && len(b.group) == 0 }

// reset forgets everything but the memory. What was borrowed must not be held on to.
func (b *batch) reset() {
	b.encoder.Reset()
	clear(b.commands)
	clear(b.group)
	*b = batch{encoder: b.encoder, commands: b.commands[:0], group: b.group[:0], groupArgs: b.groupArgs[:0]}
}

func calls(commands []command) func(i int) *conn.Call {
	return func(i int) *conn.Call { return &commands[i].Call }
}
