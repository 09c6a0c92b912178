package dump

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pika2kvrocks/pika2kvrocks/internal/serversettings"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// cacheModel is the parameter of a Pika that turns its own cache on and off.
const cacheModel = "cache-model"

// cacheFile says what the source's cache-model was before a run turned the cache off.
func cacheFile(dir storage.Store) serversettings.File {
	return serversettings.File{Store: dir, Name: storage.SettingsName, Side: "source", Names: []string{cacheModel}}
}

// withCache is a CacheSwitch of a dump. The location must be locked.
func withCache(ctx context.Context, s *reader.Scanner, o *Options, off bool, f func() error) error {
	dir, err := storage.Create(ctx, o.Location, o.Archive.Storage)
	if err != nil {
		return err
	}
	return CacheSwitch{Off: off, Again: "run it again with --resume", Log: o.Log}.with(ctx, s, dir, f)
}

// A CacheSwitch has the cache of a source off while it is read.
type CacheSwitch struct {
	Off   bool   // false: only what a run that was killed has left off is set back
	Dir   string // where Run keeps what was set, in a directory for each source
	Again string // how to run again, for people
	Log   io.Writer
}

// Run runs f, for a command that has no dump to write to.
func (c CacheSwitch) Run(ctx context.Context, s *reader.Scanner, f func() error) (err error) {
	path := filepath.Join(c.Dir, s.Source().Address)
	if !c.Off {
		if _, err := os.Stat(filepath.Join(path, storage.SettingsName)); c.Dir == "" || errors.Is(err, fs.ErrNotExist) {
			return f()
		}
	}
	dir, err := storage.CreateDir(path)
	if err != nil {
		return fmt.Errorf("%w: --source-cache-off: what was set cannot be noted: %w", reader.ErrRefused, err)
	}
	lock, err := dir.Lock()
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, lock.Unlock())
		_ = os.Remove(path) // unless something is in it
	}()
	return c.with(ctx, s, dir, f)
}

// with runs f with the source's cache off, and sets back what this run or one before it changed.
// The directory must be locked.
func (c CacheSwitch) with(ctx context.Context, s *reader.Scanner, dir storage.Store, f func() error) error {
	file := cacheFile(dir)
	k, err := serversettings.Open(serversettings.Options{
		File: file, Flag: "--source-cache-off", Again: c.Again, Log: c.Log,
		Silent: fmt.Errorf("%w: no reply in %v", reader.ErrUnavailable, serversettings.RestoreTime),
		At: func(_ context.Context, c serversettings.Change, f func(serversettings.Server) error) error {
			if c.Address != s.Source().Address {
				return fmt.Errorf("%w: %s is about %s, where %s was %s before a run turned it off: set it back there, and remove the file",
					reader.ErrRefused, file, c.Address, c.Name, c.Was)
			}
			return f(s)
		},
	})
	if err == nil {
		err = k.Adopt(ctx)
	}
	if err != nil {
		return err
	}
	if c.Off {
		if err = cacheOff(ctx, s.Source(), k, c.Log); err == nil && s.Source().CacheModel != "" {
			s.Hold(c.held(s.Source().Address, k))
		}
	}
	if err == nil {
		err = f()
	}
	s.Hold(nil)
	if err == nil && c.Off && s.Source().CacheModel == "0" && len(k.Left()) == 0 { // nobody restores it here, but somebody else may
		var now string
		if now, err = s.Setting(ctx, cacheModel); err == nil && now != "0" {
			fmt.Fprintf(c.Log, "warning: %s of the source is %s now: another run, or somebody, has turned the cache on while this run wanted it off\n", cacheModel, now)
		}
	}
	return errors.Join(err, k.Restore(ctx))
}

// held keeps the cache off across restarts of the source, whose configuration file may turn it on
// again.
func (c CacheSwitch) held(addr string, k *serversettings.Keeper) *reader.Held {
	return &reader.Held{Name: cacheModel, Value: "0", Again: func(now string) error {
		for _, left := range k.Left() {
			if left.Was == now {
				fmt.Fprintf(c.Log, "the source was restarted, and its cache was on again: CHANGED AT THE SOURCE %s: CONFIG SET %s 0 (it was %s)\n", addr, cacheModel, now)
				return nil
			}
		}
		return fmt.Errorf("%w: the source was restarted, and its %s is %s now, which it was not before: %s",
			reader.ErrRefused, cacheModel, now, c.Again)
	}}
}

// cacheOff turns the cache off, unless it is.
func cacheOff(ctx context.Context, src *reader.ServerInfo, k *serversettings.Keeper, log io.Writer) error {
	switch {
	case src.NoConfig != nil:
		return fmt.Errorf("%w: --source-cache-off: the cache cannot be looked at: %w", reader.ErrRefused, src.NoConfig)
	case src.CacheModel == "":
		fmt.Fprintf(log, "--source-cache-off: Pika %s has no cache\n", src.Version)
		return nil
	case src.CacheModel == "0": // as it is, or since an earlier run
		return nil
	}
	off := serversettings.Change{Address: src.Address, Name: cacheModel, Was: src.CacheModel, Set: "0"}
	err := k.Change(ctx, []serversettings.Change{off}, func(error) bool { return false })
	if errors.As(err, new(*reader.ReplyError)) {
		err = fmt.Errorf("%w: %w", reader.ErrRefused, err)
	}
	return err
}
