// Package serversettings changes settings of servers for the time of a run and sets them back at
// its end. A run that is killed leaves a file that says what they were: the next run sets them
// back.
//
//	k, err := serversettings.Open(o) // k.Left() is what an earlier run has left changed
//	err = k.Change(ctx, changes)     // … the run …
//	err = k.Restore(ctx)             // also when ctx has ended
//
// It never changes a setting before the file names it, never removes the file before all of it is
// set back, and never sets back what somebody else has changed meanwhile.
package serversettings

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// RestoreTime is how long it may take to set back, also after Ctrl-C.
const RestoreTime = 30 * time.Second

// A Change is a setting that a run changes.
type Change struct {
	Address string `json:"address"`
	Name    string `json:"name"`
	Was     string `json:"was"`
	Set     string `json:"set"`
}

// A Server tells and changes its settings.
type Server interface {
	Setting(ctx context.Context, name string) (string, error)
	Set(ctx context.Context, name, value string) error
}

// Options say whose settings are changed.
type Options struct {
	File File
	// At runs f with a connection to the server of a setting. It refuses one that is not of this
	// run.
	At    func(ctx context.Context, c Change, f func(Server) error) error
	Flag  string    // that asks for the changes
	Again string    // how to run again, for people
	Log   io.Writer // is told of every change
	// Silent is the error where a server does not answer for RestoreTime when it is to be set back.
	Silent error
}

// A Keeper keeps what was changed, until it is set back.
type Keeper struct {
	o       Options
	changed []Change
}

// Open takes over what an earlier run has left changed. The place of the file must be locked.
func Open(o Options) (*Keeper, error) {
	left, err := o.File.Read()
	return &Keeper{o, left}, err
}

// Left returns what is to be set back.
func (k *Keeper) Left() []Change { return k.changed }

// Adopt leaves what an earlier run has changed as it is until Restore, unless it was changed
// again since.
func (k *Keeper) Adopt(ctx context.Context) error {
	if k.changed == nil {
		return nil
	}
	still := false
	for _, c := range k.changed {
		now := ""
		err := k.o.At(ctx, c, func(s Server) (err error) {
			now, err = s.Setting(ctx, c.Name)
			return err
		})
		if err != nil {
			return err
		}
		if now != c.Set {
			fmt.Fprintf(k.o.Log, "%s of the %s is %s again after an earlier run\n", c.Name, k.o.File.Side, now)
			continue
		}
		fmt.Fprintf(k.o.Log, "%s of the %s is %s since an earlier run: it is set back to %s at the end\n", c.Name, k.o.File.Side, now, c.Was)
		still = true
	}
	if still {
		return nil
	}
	k.changed = nil
	return k.o.File.remove()
}

// Change changes settings, when nothing is left to be set back, and writes the file before. A
// setting for which the error of a server mayStay stays as it is, and the next is changed.
func (k *Keeper) Change(ctx context.Context, changes []Change, mayStay func(error) bool) error {
	data, err := json.Marshal(changes)
	if err == nil {
		err = storage.WriteFile(k.o.File.Store, k.o.File.Name, data)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", k.o.Flag, err)
	}
	k.changed = changes
	for _, c := range changes {
		err := k.o.At(ctx, c, func(s Server) error { return s.Set(ctx, c.Name, c.Set) })
		switch {
		case err != nil && mayStay(err):
			fmt.Fprintf(k.o.Log, "%s: %s stays %s: %v\n", k.o.Flag, c.Name, c.Was, err)
		case err != nil:
			return fmt.Errorf("%s: %w", k.o.Flag, err)
		default:
			fmt.Fprintf(k.o.Log, "CHANGED AT THE %s %s: CONFIG SET %s %s (it was %s)\n", k.side(), c.Address, c.Name, c.Set, c.Was)
		}
	}
	return nil
}

func (k *Keeper) side() string { return strings.ToUpper(k.o.File.Side) }

// Restore sets back what was changed, even when the context has ended.
func (k *Keeper) Restore(ctx context.Context) (err error) {
	if k.changed == nil {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), RestoreTime, k.o.Silent)
	defer cancel()
	var types []string
	for _, c := range k.changed {
		err = errors.Join(err, k.restore(ctx, c))
		host, port, _ := net.SplitHostPort(c.Address)
		types = append(types, fmt.Sprintf("redis-cli -h %s -p %s CONFIG SET %s %s", host, port, c.Name, c.Was))
	}
	if err != nil {
		return fmt.Errorf("THE %s MAY NOT BE AS IT WAS: %s, or type: %s (and remove %s): %w",
			k.side(), k.o.Again, strings.Join(types, "; "), k.o.File, err)
	}
	k.changed = nil
	return k.o.File.remove()
}

// restore sets one setting back, unless somebody else has changed it meanwhile.
func (k *Keeper) restore(ctx context.Context, c Change) error {
	return k.o.At(ctx, c, func(s Server) error {
		now, err := s.Setting(ctx, c.Name)
		switch {
		case err != nil:
			return err
		case now == c.Was: // the change was refused, or the server restarted
			return nil
		case now != c.Set:
			fmt.Fprintf(k.o.Log, "%s of the %s is %s now: somebody has changed it meanwhile, and it stays so; before it was %s\n", c.Name, k.o.File.Side, now, c.Was)
			return nil
		}
		if err := s.Set(ctx, c.Name, c.Was); err != nil {
			return err
		}
		fmt.Fprintf(k.o.Log, "CHANGED AT THE %s %s: CONFIG SET %s %s, as it was\n", k.side(), c.Address, c.Name, c.Was)
		return nil
	})
}
