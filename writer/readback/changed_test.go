package readback

import (
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/testserver"
	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
)

// TestReadChanging: what happens to a key between the commands that read it is called by its name.
func TestReadChanging(t *testing.T) {
	const (
		there, gone = ":-1\r\n", ":-2\r\n"
		lost        = "-ERR no such key\r\n"
		wrong       = "-ERR Invalid argument: WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
		entry       = "*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n"
		state       = "*6\r\n$17\r\nlast-generated-id\r\n$3\r\n1-1\r\n$20\r\nmax-deleted-entry-id\r\n$3\r\n0-0\r\n$13\r\nentries-added\r\n:1\r\n"
	)
	group := func(name string) string {
		return "*1\r\n*4\r\n$4\r\nname\r\n" + testserver.Bulk(name) + "$9\r\nconsumers\r\n:0\r\n"
	}
	stream := question.Question{Kind: format.Stream, Until: id(1, 1), Entries: 1}
	small := question.Question{Kind: format.Hash, Elems: bs("a", "b")}
	const redis = "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\n"
	for name, c := range map[string]struct {
		piece        question.Question
		replies      map[string]string // what differs from a stream as it was loaded, or a hash that is gone
		typ, changed string
		notAsked     string
	}{
		"as it was":                    {piece: stream},
		"the last entries are deleted": {piece: stream, replies: map[string]string{"XINFO STREAM": lost}, changed: "first or last entry"},
		"no such stream":               {piece: stream, replies: map[string]string{"XRANGE k": "*0\r\n", "XINFO STREAM": lost, "XINFO GROUPS": lost, "PEXPIRETIME k": gone}, typ: question.TypeNone},
		"a group":                      {piece: stream, replies: map[string]string{"XINFO GROUPS": group("workers")}, changed: "1 consumer group there"},
		"the group of the load":        {piece: stream, replies: map[string]string{"XINFO GROUPS": group("kvload")}},
		"a group of a Redis": {piece: stream, replies: map[string]string{"INFO server": testserver.Bulk(redis),
			"XINFO STREAM": strings.Replace(state, "*6", "*8", 1) + "$6\r\ngroups\r\n:2\r\n"}, changed: "2 consumer groups there", notAsked: "XINFO GROUPS"},
		"deleted before the fields were read": {piece: small, typ: question.TypeNone},
		"deleted before they were asked for by name": {piece: small, replies: map[string]string{
			"HSCAN k": "*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n", "PEXPIRETIME k": there + gone}, typ: question.TypeNone},
		"another type":                   {piece: small, replies: map[string]string{"HSCAN k": wrong, "HLEN k": wrong, "PEXPIRETIME k": there, "TYPE k": "+list\r\n"}, typ: "list"},
		"another type, and then as ours": {piece: small, replies: map[string]string{"HSCAN k": wrong, "PEXPIRETIME k": there, "TYPE k": "+hash\r\n"}, changed: "of another type"},
		"another type, and then deleted": {piece: small, replies: map[string]string{"HSCAN k": wrong, "PEXPIRETIME k": there, "TYPE k": "+none\r\n"}, typ: question.TypeNone},
	} {
		replies := map[string]string{
			"INFO server": testserver.Bulk(testserver.InfoKvrocks), "XRANGE k": entry, "XINFO STREAM": state, "XINFO GROUPS": "*0\r\n", "PEXPIRETIME k": there,
			"HSCAN k": "*2\r\n$1\r\n0\r\n*0\r\n", "XLEN k": ":1\r\n", "HMGET k": "*2\r\n$-1\r\n$-1\r\n", "HLEN k": ":0\r\n",
		}
		if c.piece.Kind == format.Hash {
			replies["PEXPIRETIME k"] = gone
		}
		for command, reply := range c.replies {
			replies[command] = reply
		}
		f := testserver.Start(t, func(cmd []string) (string, bool) {
			command := strings.Join(cmd[:min(2, len(cmd))], " ")
			if command == c.notAsked {
				t.Errorf("%s: %q was asked", name, cmd)
			}
			reply, ok := replies[command]
			if command == "PEXPIRETIME k" && len(reply) > len(gone) { // one reply after the other
				reply, replies[command] = reply[:len(there)], reply[len(there):]
			}
			return reply, ok
		})
		p := c.piece
		p.Key, p.Head, p.Tail = b("k"), true, true
		ask(t, open(t, f.Addr), &p)
		if p.Type != "" {
			p.Changed = "" // nothing else of the answer counts
		}
		if p.Type != c.typ || !strings.Contains(p.Changed, c.changed) || (p.Changed == "") != (c.changed == "") {
			t.Errorf("%s: type %q, changed %q; want %q, %q", name, p.Type, p.Changed, c.typ, c.changed)
		}
	}
}

// TestReadGroups: a stream with consumer groups is not saved as if it had none. A Redis says their
// number beside the stream's state, a Kvrocks by itself.
func TestReadGroups(t *testing.T) {
	const state = "*6\r\n$17\r\nlast-generated-id\r\n$3\r\n1-1\r\n$20\r\nmax-deleted-entry-id\r\n$3\r\n0-0\r\n$13\r\nentries-added\r\n:1\r\n"
	group := func(name string) string {
		return "*1\r\n*4\r\n$4\r\nname\r\n" + testserver.Bulk(name) + "$9\r\nconsumers\r\n:0\r\n"
	}
	for name, c := range map[string]struct{ groups, refused string }{
		"none":     {"*0\r\n", ""},
		"of loads": {group("kvload"), ""},
		"lost":     {"*0\r\n", "XLEN counts 1 entries, XRANGE shows 0"}, // SERVERS.md K11
		"one":      {group("workers"), "it has 1 consumer group, which no dump can hold: rename the key"},
	} {
		entries := "*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n"
		if name == "lost" {
			entries = "*0\r\n"
		}
		f := testserver.Start(t, func(cmd []string) (string, bool) {
			reply, ok := map[string]string{
				"INFO server": testserver.Bulk(testserver.InfoKvrocks), "XINFO STREAM": state, "XINFO GROUPS": c.groups,
				"XRANGE k": entries, "PEXPIRETIME k": ":-1\r\n", "XLEN k": ":1\r\n",
			}[strings.Join(cmd[:min(2, len(cmd))], " ")]
			return reply, ok
		})
		err := open(t, f.Addr).Read(t.Context(), b("k"), KeyInfo{Kind: format.Stream, Type: "stream", Length: 1}, func(*format.Record) error { return nil })
		if c.refused == "" && err != nil || c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)) {
			t.Errorf("%s: %v, want %q", name, err, c.refused)
		}
	}
}
