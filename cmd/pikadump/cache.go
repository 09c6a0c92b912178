package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// cacheModel is the parameter of a Pika that turns its own cache on and off.
const cacheModel = "cache-model"

// restoreTime is how long it may take to set the cache back, also after Ctrl-C.
const restoreTime = 30 * time.Second

// A sourceCache is the source's cache, for the time that the run has it off. What it was is in a
// file of the dump's directory before it is changed, and until it is set back: a run that does
// not get so far leaves it to the next.
type sourceCache struct {
	s    *reader.Scanner
	dir  storage.Store
	addr string
	log  io.Writer
	old  string // what to set it back to; empty: nothing was changed
}

// changedSetting is what the file holds.
type changedSetting struct {
	Source string `json:"source"`
	Name   string `json:"name"`
	Value  string `json:"value"` // before it was changed
}

// openCache takes over from an earlier run that had turned the cache off. The directory must be
// locked.
func openCache(ctx context.Context, s *reader.Scanner, o *dumpOptions, log io.Writer) (*sourceCache, error) {
	c := &sourceCache{s: s, addr: s.Source().Address, log: log}
	dir := o.out
	var err error
	if c.dir, err = storage.Create(ctx, dir, o.storage); err != nil {
		return nil, err
	}
	data, err := storage.ReadFile(c.dir, storage.SettingsName, 1<<16)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	var was changedSetting
	if err == nil {
		err = json.Unmarshal(data, &was)
	}
	if err == nil && (was.Name != cacheModel || was.Value == "") {
		err = errors.New("it is of another kind")
	}
	if err != nil {
		return nil, fmt.Errorf("%s in %s does not say what %s of the source was: set it to what it should be, and remove the file: %w",
			storage.SettingsName, dir, cacheModel, err)
	}
	if was.Source != c.addr {
		return nil, fmt.Errorf("%w: %s in %s is about %s, where %s was %s before a run turned it off: set it back there, and remove the file",
			reader.ErrRefused, storage.SettingsName, dir, was.Source, cacheModel, was.Value)
	}
	if now := s.Source().CacheModel; now != "0" {
		fmt.Fprintf(log, "%s of the source is %s again after an earlier run\n", cacheModel, now)
		return c, c.dir.Remove(storage.SettingsName)
	}
	fmt.Fprintf(log, "%s of the source is 0 since an earlier run: it is set back to %s at the end\n", cacheModel, was.Value)
	c.old = was.Value
	return c, nil
}

// remind says what an earlier run has left changed, when this one ends before it can set it back.
func remind(ctx context.Context, dir string, log io.Writer) {
	d, err := storage.Open(ctx, dir)
	if err != nil {
		return
	}
	if data, err := storage.ReadFile(d, storage.SettingsName, 1<<16); err == nil {
		fmt.Fprintf(log, "an earlier run changed the source and did not set it back; this is how it was: %s\n", data)
	}
}

// withCache runs f with the source's cache on or off as the user wants it, and sets back what this
// run or one before it changed.
func withCache(ctx context.Context, s *reader.Scanner, o *dumpOptions, log io.Writer, f func() error) error {
	c, err := openCache(ctx, s, o, log)
	if err != nil {
		return err
	}
	if o.cacheOff {
		err = c.off(ctx)
	}
	if err == nil {
		err = f()
	}
	if back := c.restore(ctx); back != nil {
		err = errors.Join(err, back)
	}
	return err
}

// off turns the cache off.
func (c *sourceCache) off(ctx context.Context) error {
	model := c.s.Source().CacheModel
	switch {
	case c.s.Source().NoConfig != nil:
		return fmt.Errorf("%w: --source-cache-off: the cache cannot be looked at: %w", reader.ErrRefused, c.s.Source().NoConfig)
	case model == "":
		fmt.Fprintf(c.log, "--source-cache-off: Pika %s has no cache\n", c.s.Source().Version)
		return nil
	case model == "0": // as it is, or since an earlier run
		return nil
	}
	data, err := json.Marshal(changedSetting{c.addr, cacheModel, model})
	if err != nil {
		return err
	}
	if err := storage.WriteFile(c.dir, storage.SettingsName, data); err != nil {
		return fmt.Errorf("--source-cache-off: %w", err)
	}
	c.old = model
	if err := c.s.Change(ctx, cacheModel, "0"); err != nil {
		if errors.As(err, new(*reader.ReplyError)) {
			err = fmt.Errorf("%w: %w", reader.ErrRefused, err)
		}
		return fmt.Errorf("--source-cache-off: %w", err)
	}
	fmt.Fprintf(c.log, "CHANGED AT THE SOURCE: CONFIG SET %s 0 (it was %s)\n", cacheModel, model)
	return nil
}

// restore sets the cache back if it was turned off, even when the context has ended.
func (c *sourceCache) restore(ctx context.Context) error {
	if c.old == "" {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), restoreTime,
		fmt.Errorf("%w: no reply in %v", reader.ErrUnavailable, restoreTime))
	defer cancel()
	now, err := c.s.Setting(ctx, cacheModel)
	if err == nil && now == "0" {
		if err = c.s.Change(ctx, cacheModel, c.old); err == nil {
			fmt.Fprintf(c.log, "CHANGED AT THE SOURCE: CONFIG SET %s %s, as it was\n", cacheModel, c.old)
		}
	}
	if err != nil {
		host, port, _ := net.SplitHostPort(c.addr)
		return fmt.Errorf("THE SOURCE IS NOT AS IT WAS: its %s is still 0 and could not be set back to %s; type: redis-cli -h %s -p %s CONFIG SET %s %s (or run it again with --resume): %w",
			cacheModel, c.old, host, port, cacheModel, c.old, err)
	}
	return c.dir.Remove(storage.SettingsName)
}
