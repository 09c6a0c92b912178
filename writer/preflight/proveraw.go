package preflight

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
	"github.com/pika2kvrocks/pika2kvrocks/writer/rawbatch"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// ProveRaw finds out whether the target reads raw write batches as rawbatch writes them, in every
// keyspace: keys of all types go in under random names, one of them over a key that a command made,
// are read back and written to by commands, and deleted. Why says what was not as expected; empty:
// it is proved. Should nobody delete the keys, they expire.
func ProveRaw(ctx context.Context, t *target.Target) (why string, err error) {
	switch {
	case !t.IsKvrocks():
		return "the target is a Redis", nil
	case t.IsCluster():
		return "the target is a cluster", nil
	}
	err = eachKeyspace(ctx, t, func(c *conn.Conn, _ int) (err error) {
		if why == "" {
			why, err = proveRaw(ctx, c, t.Clock().Add(probeTime).UnixMilli())
		}
		return err
	})
	return why, err
}

// proveRaw proves it for the keyspace of a connection.
func proveRaw(ctx context.Context, c *conn.Conn, expire int64) (why string, err error) {
	first, err := c.Pipeline(ctx, []any{"COMMAND", "INFO", "APPLYBATCH"}, []any{"CLIENT", "INFO"})
	if err != nil {
		return "", c.Refused("COMMAND", err)
	}
	known, client := &first[0], &first[1]
	if known.Kind != '*' || len(known.List) != 1 || len(known.List[0].List) == 0 {
		return "the target has no APPLYBATCH", nil
	}
	namespace := conn.ClientField(client.Text, "namespace")
	if client.IsError() || namespace == "" {
		return "the target does not tell the namespace of a connection", nil
	}
	e, err := rawbatch.New(namespace)
	if err != nil {
		return "", err
	}
	records, asks, want := rawProof(expire)
	for i := range records {
		r := &records[i]
		if r.Kind == format.String {
			e.String(r.Key, r.Value, r.Expire)
			continue
		}
		e.Begin(r.Kind, r.Key, r.Expire)
		for i := range r.Elements() {
			e.Add(r, i)
		}
		e.Metadata(r.State)
	}
	if err := rawbatch.Check(e.Bytes(), namespace, e.Puts(), 0); err != nil {
		return "", err
	}
	del := []any{"DEL"}
	for i := range records {
		del = append(del, records[i].Key)
	}
	commands := [][]any{{"HSET", records[1].Key, "old", "v"}, {"RPUSH", records[0].Key, "old"}, {"APPLYBATCH", e.Bytes()}}
	commands = append(append(commands, asks...), del)
	answers := slices.Concat([]string{"1", "1", fmt.Sprint(len(e.Bytes()))}, want, []string{fmt.Sprint(len(records))})
	replies, err := c.Pipeline(ctx, commands...)
	if err != nil {
		return "", c.Refused("APPLYBATCH", err)
	}
	for i := range replies {
		got := asText(&replies[i])
		if commands[i][0] == "ZSCORE" {
			got = shortest(got)
		}
		if advice := conn.Fatal(got); replies[i].IsError() && (errors.Is(advice, conn.ErrTransient) || errors.Is(advice, conn.ErrOperator)) {
			return "", fmt.Errorf("target %s refuses %s of a probe: %s: %w", c.Addr(), commands[i][0], conn.Shown(got), advice)
		}
		if got != answers[i] {
			return fmt.Sprintf("behind a raw batch the target answers %s with %q, not %q", commands[i][0], conn.Shown(got), answers[i]), nil
		}
	}
	return "", nil
}

// shortest writes a score as Go does.
func shortest(score string) string {
	n, err := strconv.ParseFloat(score, 64)
	if err != nil {
		return score
	}
	return strconv.FormatFloat(n, 'g', -1, 64)
}

// asText writes a reply as rawProof has it: the items of a list with a space between.
func asText(r *resp.Reply) string {
	if r.Kind != '*' {
		return r.String()
	}
	var items []string
	for i := range r.List {
		items = append(items, asText(&r.List[i]))
	}
	return strings.Join(items, " ")
}

// rawProof returns keys of all types, and what a Kvrocks that has them answers to commands.
func rawProof(expire int64) (records []format.Record, commands [][]any, answers []string) {
	b := func(list ...string) (out [][]byte) {
		for _, s := range list {
			out = append(out, []byte(s))
		}
		return out
	}
	var key []byte
	add := func(r format.Record) {
		key = []byte(probeKey())
		r.Key, r.Part, r.Expire = key, format.PartWhole, expire
		records = append(records, r)
	}
	ask := func(answer, command string, args ...any) {
		commands, answers = append(commands, append([]any{command, key}, args...)), append(answers, answer)
	}
	add(format.Record{Kind: format.String, Value: []byte("v\x00\xff")})
	ask("v\x00\xff", "GET")
	ask("4", "APPEND", "w")
	ask("v\x00\xffw", "GET")
	add(format.Record{Kind: format.Hash, Elems: b("", "v", "f\x00", "")})
	ask(" v f\x00 ", "HGETALL")
	ask("1", "HSET", "g", "w")
	ask("3", "HLEN")
	add(format.Record{Kind: format.List, Elems: b("b", "a", "b")})
	ask("b a b", "LRANGE", 0, -1)
	ask("4", "RPUSH", "c")
	ask("5", "LPUSH", "a")
	ask("a b a b c", "LRANGE", 0, -1)
	add(format.Record{Kind: format.Set, Elems: b("", "m")})
	ask(" m", "SMEMBERS")
	ask("1", "SADD", "n", "m")
	ask("3", "SCARD")
	add(format.Record{Kind: format.Zset, Elems: b("a", "b", "c", "d"), Scores: []float64{1.5, -1.5, 0x1p-1074, -0x1p-1022}})
	ask("b d c a", "ZRANGE", 0, -1)
	ask("-1.5", "ZSCORE", "b")
	ask("5e-324", "ZSCORE", "c")
	ask("0", "ZADD", "2.5", "c")
	ask("b d a c", "ZRANGE", 0, -1)
	ask("4", "ZCARD")
	add(format.Record{Kind: format.Stream,
		Entries: []format.Entry{{ID: format.StreamID{Ms: 1, Seq: 2}, Fields: b("f", "v")}},
		State:   &format.StreamState{LastID: format.StreamID{Ms: 5}, EntriesAdded: 3}})
	ask("1-2 f v", "XRANGE", "-", "+")
	ask("5-1", "XADD", "5-1", "g", "w")
	ask("2", "XLEN")
	for i := range records {
		key = records[i].Key
		ask(records[i].Kind.String(), "TYPE")
		ask(fmt.Sprint(expire), "PEXPIRETIME")
	}
	return records, commands, answers
}
