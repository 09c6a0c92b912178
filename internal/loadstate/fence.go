package loadstate

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"sync"

	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/shard"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// Fence names the connections of a shard of a load, or of its rollback, at the target, so that
// those of a run that was killed are found and ended before anything is sent: what was under way on
// them may be run later. The journal's lock keeps all runs apart that have the same names.
func Fence(b journal.Identity, s shard.Shard, stopped bool, d Doubts) target.Fence {
	what, err := json.Marshal([]any{b.Dump, b.Places, Common(b).Settings})
	if err != nil {
		panic(err) // strings and numbers always have a form in JSON
	}
	sum := sha256.Sum256(what)
	load := "kvload:" + hex.EncodeToString(sum[:10]) + ":"
	all := load + "all:"
	f := target.Fence{Name: all, Dead: []string{load}, Stopped: stopped, Unsure: func(why string) error {
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

// Doubts keep why it is not known whether the target holds what it should: a journal of a load.
type Doubts interface {
	BeUnsure(why string) error
	Run(addr string) string
	SetRun(addr, id string) error
}

// PassingDoubts are of a run that keeps no journal of its own.
type PassingDoubts struct {
	mu   sync.Mutex
	Why  string   // empty: there are none
	runs sync.Map // by address
}

// BeUnsure is of Doubts.
func (p *PassingDoubts) BeUnsure(why string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.Why = why
	return nil
}

// Run is of Doubts.
func (p *PassingDoubts) Run(addr string) string {
	id, _ := p.runs.Load(addr)
	run, _ := id.(string)
	return run
}

// SetRun is of Doubts.
func (p *PassingDoubts) SetRun(addr, id string) error {
	p.runs.Store(addr, id)
	return nil
}
