package dump

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/pika2kvrocks/pika2kvrocks/internal/settings"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// cacheModel is the parameter of a Pika that turns its own cache on and off.
const cacheModel = "cache-model"

// cacheFile says what the source's cache-model was before a run turned the cache off.
func cacheFile(dir storage.Store) settings.File {
	return settings.File{Store: dir, Name: storage.SettingsName, Side: "source", Names: []string{cacheModel}}
}

// remind says what an earlier run has left changed, when this one ends before it can set it back.
func remind(ctx context.Context, o *Options) {
	if dir, err := storage.Open(ctx, o.Location); err == nil {
		cacheFile(dir).Remind(o.Log)
	}
}

// withCache runs f with the source's cache off if off says so, and sets back what this run or one
// before it changed. The location must be locked.
func withCache(ctx context.Context, s *reader.Scanner, o *Options, off bool, f func() error) error {
	dir, err := storage.Create(ctx, o.Location, o.Archive.Storage)
	if err != nil {
		return err
	}
	file := cacheFile(dir)
	k, err := settings.Open(settings.Options{
		File: file, Flag: "--source-cache-off", Again: "run it again with --resume", Log: o.Log,
		Silent: fmt.Errorf("%w: no reply in %v", reader.ErrUnavailable, settings.RestoreTime),
		At: func(_ context.Context, c settings.Change, f func(settings.Server) error) error {
			if c.Address != s.Source().Address {
				return fmt.Errorf("%w: %s is about %s, where %s was %s before a run turned it off: set it back there, and remove the file",
					reader.ErrRefused, file, c.Address, c.Name, c.Was)
			}
			return f(server{s})
		},
	})
	if err == nil {
		err = k.Adopt(ctx)
	}
	if err != nil {
		return err
	}
	if off {
		err = cacheOff(ctx, s.Source(), k, o.Log)
	}
	if err == nil {
		err = f()
	}
	return errors.Join(err, k.Restore(ctx))
}

// cacheOff turns the cache off, unless it is.
func cacheOff(ctx context.Context, src *reader.ServerInfo, k *settings.Keeper, log io.Writer) error {
	switch {
	case src.NoConfig != nil:
		return fmt.Errorf("%w: --source-cache-off: the cache cannot be looked at: %w", reader.ErrRefused, src.NoConfig)
	case src.CacheModel == "":
		fmt.Fprintf(log, "--source-cache-off: Pika %s has no cache\n", src.Version)
		return nil
	case src.CacheModel == "0": // as it is, or since an earlier run
		return nil
	}
	off := settings.Change{Address: src.Address, Name: cacheModel, Was: src.CacheModel, Set: "0"}
	err := k.Change(ctx, []settings.Change{off}, func(error) bool { return false })
	if errors.As(err, new(*reader.ReplyError)) {
		err = fmt.Errorf("%w: %w", reader.ErrRefused, err)
	}
	return err
}

// A server is the source, as package settings knows servers.
type server struct{ *reader.Scanner }

func (s server) Set(ctx context.Context, name, value string) error { return s.Change(ctx, name, value) }
