package minitarget

import (
	"strconv"
	"strings"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/tidwall/redcon"

	"github.com/pika2kvrocks/pika2kvrocks/format"
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
		k.streams[n] = &format.StreamState{}
	}
	switch s := k.streams[n]; cmd {
	case "XADD":
		all, _ := k.db(namespace).Stream(n.key)
		if len(all) > 0 {
			if last := parseID(all[len(all)-1].ID); last.Compare(s.LastID) > 0 {
				s.LastID = last
				s.EntriesAdded++
			}
		}
	case "XDEL":
		for _, a := range args[1:] {
			if i := parseID(a); i.Compare(s.MaxDeletedID) > 0 && i.Compare(s.LastID) <= 0 {
				s.MaxDeletedID = i
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
			rows[numberBytes(i.Ms, i.Seq)] = entryBytes(e.Values)
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

// parseID takes ms-seq, or ms.
func parseID(text string) format.StreamID {
	id, _ := format.ParseStreamID(text)
	return id
}

// setID answers XSETID key id [ENTRIESADDED n] [MAXDELETEDID id] (SERVERS.md K11).
func (k *Kvrocks) setID(c *server.Peer, s *session, args []string) {
	if len(args) != 2 && len(args) != 6 {
		c.WriteError("ERR wrong number of arguments")
		return
	}
	n := name{s.namespace, args[0]}
	state := format.StreamState{LastID: parseID(args[1])}
	if old := k.streams[n]; old != nil {
		state.EntriesAdded, state.MaxDeletedID = old.EntriesAdded, old.MaxDeletedID
	}
	for i := 2; i+1 < len(args); i += 2 {
		switch strings.ToUpper(args[i]) {
		case "ENTRIESADDED":
			state.EntriesAdded, _ = strconv.ParseUint(args[i+1], 10, 64)
		case "MAXDELETEDID":
			state.MaxDeletedID = parseID(args[i+1])
		}
	}
	if !k.db(n.namespace).Exists(n.key) {
		if state.EntriesAdded == 0 || state.MaxDeletedID == (format.StreamID{}) {
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

func (k *Kvrocks) streamInfo(c *server.Peer, n name) {
	db, s := k.db(n.namespace), k.streams[n]
	if s == nil {
		c.WriteError("ERR no such key")
		return
	}
	all, _ := db.Stream(n.key)
	recorded, first, last := "0-0", any(nil), any(nil)
	if len(all) > 0 {
		entry := func(e miniredis.StreamEntry) any { return []any{e.ID, e.Values} }
		recorded, first, last = all[0].ID, entry(all[0]), entry(all[len(all)-1])
	}
	c.WriteRaw(string(redcon.AppendAny(nil, []any{
		"length", redcon.SimpleInt(len(all)), "last-generated-id", s.LastID.String(), "max-deleted-entry-id", s.MaxDeletedID.String(),
		"entries-added", redcon.SimpleInt(s.EntriesAdded), "recorded-first-entry-id", recorded, "first-entry", first, "last-entry", last,
	})))
}
