package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"sync"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/share"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// fence names the connections of a share of a load, or of its rollback, at the target, so that those of a run that
// was killed are found and ended before anything is sent: what was under way on them may be run later. The journal's lock
// keeps all runs apart that have the same names.
func fence(b journal.Binding, s share.Share, stopped bool, d doubts) writer.Fence {
	settings := maps.Clone(b.Settings)
	delete(settings, "--shard")
	what, err := json.Marshal([]any{b.Dump, b.Places, settings})
	if err != nil {
		panic(err) // strings and numbers always have a form in JSON
	}
	sum := sha256.Sum256(what)
	load := "kvload:" + hex.EncodeToString(sum[:10]) + ":"
	all := load + "all:"
	f := writer.Fence{Name: all, Dead: []string{load}, Stopped: stopped, Unsure: func(why string) error {
		return d.BeUnsure("a connection was lost, and " + why + ": what was under way on it may have been run twice, or late")
	}}
	f.Run = func(addr, id string) error {
		was := d.Run(addr)
		if was == id {
			return nil
		}
		if was != "" {
			if err := d.BeUnsure("the target " + addr + " was restarted, and may have lost what it had acknowledged"); err != nil {
				return err
			}
		}
		return d.SetRun(addr, id)
	}
	if !s.IsAll() {
		f.Name = load + s.String() + ":"
		f.Dead = []string{f.Name, all}
	}
	return f
}

// doubts keep why it is not known whether the target holds what it should: a journal of a load.
type doubts interface {
	BeUnsure(why string) error
	Run(addr string) string
	SetRun(addr, id string) error
}

// passing doubts are of a run that keeps no journal of its own.
type passing struct {
	mu   sync.Mutex
	why  string
	runs map[string]string
}

func (p *passing) BeUnsure(why string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.why = why
	return nil
}

func (p *passing) Run(addr string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.runs[addr]
}

func (p *passing) SetRun(addr, id string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.runs[addr] = id
	return nil
}

// unsure is how a run ends that does not know whether the target holds what it should; nil if why is empty.
func (o *loadOptions) unsure(why string) error {
	if why == "" {
		return nil
	}
	return &command.Different{Text: fmt.Sprintf("%s; compare, with the flags of the load: kvload verify --uri redis://%s --in %s", why, o.server.Addr, o.in)}
}
