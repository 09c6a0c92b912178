package minitarget

import (
	"strconv"
	"strings"

	"github.com/alicebob/miniredis/v2/server"
)

// observe takes into the rows what a command has changed in a key that came by a batch, and keeps
// count of streams, of which miniredis knows their entries only.
func (k *Kvrocks) observe(namespace, cmd string, args []string) {
	if cmd == "FLUSHALL" || cmd == "FLUSHDB" || cmd == "EXEC" {
		for n := range k.store.heads {
			k.take(n)
		}
		for n := range k.streams {
			k.drop(n)
		}
		return
	}
	for _, a := range args {
		n := name{namespace, a}
		if _, ok := k.store.heads[n]; ok {
			k.take(n)
		}
		k.drop(n)
	}
	if len(args) == 0 {
		return
	}
	n := name{namespace, args[0]}
	if cmd == "XGROUP" && len(args) > 1 {
		n.key = args[1]
	}
	if k.db(namespace).Type(n.key) != "stream" {
		return
	}
	if k.streams[n] == nil {
		k.streams[n] = &stream{}
	}
	switch s := k.streams[n]; cmd {
	case "XADD":
		all, _ := k.db(namespace).Stream(n.key)
		if len(all) > 0 {
			if last := parseID(all[len(all)-1].ID); last.above(s.last) {
				s.last = last
				s.added++
			}
		}
	case "XDEL":
		for _, a := range args[1:] {
			if i := parseID(a); i.above(s.maxDeleted) && !i.above(s.last) {
				s.maxDeleted = i
			}
		}
	}
}

// drop forgets a stream that is no more.
func (k *Kvrocks) drop(n name) {
	if k.streams[n] != nil && k.db(n.namespace).Type(n.key) != "stream" {
		delete(k.streams, n)
	}
}

// take makes the rows of a key say what miniredis holds. The rows of one that was deleted stay,
// without metadata.
func (k *Kvrocks) take(n name) {
	h, db := k.store.heads[n], k.db(n.namespace)
	if db.Type(n.key) != typeNames[h.kind] || h.kind == typeList {
		delete(k.store.heads, n)
		return
	}
	h.expire = 0
	if ttl := db.TTL(n.key); ttl > 0 {
		h.expire = uint64(k.ticked.Add(ttl).UnixMilli())
	}
	rows, byScore := map[string]string{}, map[string]string{}
	switch h.kind {
	case typeString:
		h.value, _ = db.Get(n.key)
	case typeHash:
		fields, _ := db.HKeys(n.key)
		for _, f := range fields {
			rows[f] = db.HGet(n.key, f)
		}
	case typeSet:
		members, _ := db.Members(n.key)
		for _, m := range members {
			rows[m] = ""
		}
	case typeZset:
		all, _ := db.SortedSet(n.key)
		for member, score := range all {
			rows[member] = scoreBytes(score)
			byScore[scoreBytes(score)+member] = ""
		}
	case typeStream:
		all, _ := db.Stream(n.key)
		for _, e := range all {
			i := parseID(e.ID)
			rows[numberBytes(i.ms, i.seq)] = entryBytes(e.Values)
		}
	}
	h.size = uint64(len(rows))
	family := byte(subkeys)
	if h.kind == typeStream {
		family = entries
	}
	k.store.subs[place{family, n, h.version}] = rows
	k.store.subs[place{scores, n, h.version}] = byScore
	k.store.heads[n] = h
}

// setID answers XSETID key id [ENTRIESADDED n] [MAXDELETEDID id] (SERVERS.md K11).
func (k *Kvrocks) setID(c *server.Peer, s *session, args []string) {
	if len(args) != 2 && len(args) != 6 {
		c.WriteError("ERR wrong number of arguments")
		return
	}
	n := name{s.namespace, args[0]}
	state := stream{last: parseID(args[1])}
	if old := k.streams[n]; old != nil {
		state.added, state.maxDeleted = old.added, old.maxDeleted
	}
	for i := 2; i+1 < len(args); i += 2 {
		switch strings.ToUpper(args[i]) {
		case "ENTRIESADDED":
			state.added, _ = strconv.ParseUint(args[i+1], 10, 64)
		case "MAXDELETEDID":
			state.maxDeleted = parseID(args[i+1])
		}
	}
	if !k.db(n.namespace).Exists(n.key) {
		if state.added == 0 || state.maxDeleted == (id{}) {
			c.WriteError("ERR no such key")
			return
		}
		k.run(k.own, "SELECT", strconv.Itoa(k.dbOf(n.namespace)))
		k.run(k.own, "XGROUP", "CREATE", n.key, "g", "0", "MKSTREAM")
		k.run(k.own, "XGROUP", "DESTROY", n.key, "g")
	}
	k.streams[n] = &state
	if h, ok := k.store.heads[n]; ok {
		h.stream = state
		k.store.heads[n] = h
	}
	c.WriteOK()
}

// streamInfo answers XINFO STREAM.
func (k *Kvrocks) streamInfo(c *server.Peer, n name) {
	db, s := k.db(n.namespace), k.streams[n]
	if s == nil {
		c.WriteError("ERR no such key")
		return
	}
	all, _ := db.Stream(n.key)
	c.WriteLen(14)
	c.WriteBulk("length")
	c.WriteInt(len(all))
	c.WriteBulk("last-generated-id")
	c.WriteBulk(s.last.String())
	c.WriteBulk("max-deleted-entry-id")
	c.WriteBulk(s.maxDeleted.String())
	c.WriteBulk("entries-added")
	c.WriteInt(int(s.added))
	c.WriteBulk("recorded-first-entry-id")
	if len(all) == 0 {
		c.WriteBulk("0-0")
	} else {
		c.WriteBulk(all[0].ID)
	}
	for i, which := range []string{"first-entry", "last-entry"} {
		c.WriteBulk(which)
		if len(all) == 0 {
			c.WriteNull()
			continue
		}
		e := all[i*(len(all)-1)]
		c.WriteLen(2)
		c.WriteBulk(e.ID)
		c.WriteStrings(e.Values)
	}
}
