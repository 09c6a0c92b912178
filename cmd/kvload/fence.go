package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/share"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// fence names the connections of a share of a load, or of its rollback, at the target, so that those of a run that
// was killed are found and ended before anything is sent: what was under way on them may be run later. The journal's lock
// keeps all runs apart that have the same names.
func fence(b journal.Binding, s share.Share, stopped bool, unsure func(why string) error) writer.Fence {
	settings := maps.Clone(b.Settings)
	delete(settings, "--shard")
	what, err := json.Marshal([]any{b.Dump, b.Places, settings})
	if err != nil {
		panic(err) // strings and numbers always have a form in JSON
	}
	sum := sha256.Sum256(what)
	load := "kvload:" + hex.EncodeToString(sum[:10]) + ":"
	all := load + "all:"
	f := writer.Fence{Name: all, Dead: []string{load}, Stopped: stopped, Unsure: unsure}
	if !s.IsAll() {
		f.Name = load + s.String() + ":"
		f.Dead = []string{f.Name, all}
	}
	return f
}

// unsure is how a run ends whose target did not say whether lost connections are gone; nil if why is empty.
func (o *loadOptions) unsure(why string) error {
	if why == "" {
		return nil
	}
	return &command.Different{Text: fmt.Sprintf("a connection was lost, and %s: what was under way on it may have been run twice, or late; "+
		"compare, with the flags of the load: kvload verify --uri redis://%s --in %s", why, o.server.Addr, o.in)}
}
