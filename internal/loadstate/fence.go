package loadstate

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/shard"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// Fence names the connections of a shard of a load, or of its rollback, at the target, so that
// those of a run that was killed are found and ended before anything is sent: what was under way on
// them may be run later. The journal's lock keeps all runs apart that have the same names: those
// that write the same keys, in whatever way.
func Fence(b journal.Identity, s shard.Shard, stopped bool, d Doubts) target.Fence {
	keys := Common(b).Settings
	maps.DeleteFunc(keys, func(flag, _ string) bool {
		return !slices.Contains([]string{"--db", "--type", "--match", "--key-prefix-strip", "--key-prefix-add"}, flag)
	})
	what, err := json.Marshal([]any{b.Dump, b.Places, keys})
	if err != nil {
		panic(err) // strings and numbers always have a form in JSON
	}
	sum := sha256.Sum256(what)
	load := "kvload:" + hex.EncodeToString(sum[:10]) + ":"
	all := load + "all:"
	f := target.Fence{Name: all, Dead: []string{load}, Stopped: stopped, Unsure: func(why string) error {
		return d.BeUnsure("a connection was lost, and " + why + ": what was under way on it may have been run twice, or late")
	}}
	var mu sync.Mutex
	f.Run = func(addr string) func(string) error {
		was := d.Runs()[addr] // of what was acknowledged before the server is asked
		return func(now string) error {
			mu.Lock()
			defer mu.Unlock()
			if why := lost(addr, was, now); why != "" {
				return errors.Join(d.BeUnsure(why), d.SetRun(addr, now, true))
			}
			if is := d.Runs()[addr]; now == is || lost(addr, is, now) != "" { // another connection was told of a later write
				return nil
			}
			return d.SetRun(addr, now, was == "")
		}
	}
	f.Serve = func(now map[string]string, ask func(addr string) string) error {
		mu.Lock()
		defer mu.Unlock()
		return serve(d, now, ask)
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
	Runs() map[string]string
	SetRun(addr, state string, now bool) error
}

// PassingDoubts are of a run that keeps no journal of its own.
type PassingDoubts struct {
	mu   sync.Mutex
	Why  string // empty: there are none
	runs map[string]string
}

// BeUnsure is of Doubts.
func (p *PassingDoubts) BeUnsure(why string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.Why = why
	return nil
}

// Pass has others know what p knows.
func (p *PassingDoubts) Pass(to Doubts) (err error) {
	if p.Why != "" {
		err = to.BeUnsure(p.Why)
	}
	for addr, state := range p.Runs() {
		if to.Runs()[addr] == "" {
			err = errors.Join(err, to.SetRun(addr, state, true))
		}
	}
	return err
}

// Runs is of Doubts.
func (p *PassingDoubts) Runs() map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.runs)
}

// SetRun is of Doubts.
func (p *PassingDoubts) SetRun(addr, state string, _ bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.runs == nil {
		p.runs = map[string]string{}
	}
	if p.runs[addr] = state; state == "" {
		delete(p.runs, addr)
	}
	return nil
}
