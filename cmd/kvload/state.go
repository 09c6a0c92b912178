package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// binding says what a journal of this load is of.
func (o *commonOptions) binding(a *archive.Archive, l *writer.Loader) journal.Binding {
	t := l.Target()
	b := journal.Binding{
		Dump: a.Manifest.Dump, Address: t.Addr, Nodes: t.Nodes, Server: t.Server, Places: map[int]string{},
		Now: time.Now().Add(t.ClockOffset).UTC().Truncate(time.Millisecond),
	}
	for db, p := range o.writer.Keyspaces {
		b.Places[db] = l.Keyspace(db)
		if b.Places[db] == "" { // the target does not tell
			b.Places[db] = fmt.Sprintf("db %d", p.DB)
			if p.Token != "" {
				b.Places[db] = "a namespace"
			}
		}
	}
	var types []string
	for _, t := range format.Types {
		if o.filter.Type(t) {
			types = append(types, string(t))
		}
	}
	b.Settings = map[string]string{
		"--on-exists": o.writer.OnExists.String(), "--on-conflict": string(o.rewrite.Conflict), "--hyperloglog": o.writer.HyperLogLog.String(),
		"--ttl": string(o.rewrite.TTL.Mode), "--ttl-min": o.rewrite.TTL.Min.String(),
		"--key-prefix-strip": asText(o.rewrite.Prefix.Strip), "--key-prefix-add": asText(o.rewrite.Prefix.Add),
		"--type": strings.Join(types, ","), "--db": fmt.Sprint(o.filter.DBs), "--match": o.filter.Match,
	}
	if !o.share.IsAll() {
		b.Settings["--shard"] = o.share.String()
	}
	return b
}

// asText returns a text that JSON holds without loss, and that no other bytes become: quoted unless they are UTF-8.
func asText(b []byte) string {
	if utf8.Valid(b) && !bytes.HasPrefix(b, []byte{'"'}) {
		return string(b)
	}
	return strconv.QuoteToASCII(string(b))
}
