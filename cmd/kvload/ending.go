package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/share"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/writer/checkpoint"
)

// An ending looks at the journals of a load: of its shares, or of the one that has none.
type ending struct {
	root  string
	jt    *joint // nil: the load has no shares
	parts []part
}

// A part is what one run, and those that went on with it, have done.
type part struct {
	share.Share
	store storage.Store    // nil: it has none
	j     *journal.Journal // only to be read
}

// readers is how many journals are read at once.
const readers = 8

func readEnding(ctx context.Context, root string, jt *joint) (*ending, error) {
	e := &ending{root: root, jt: jt, parts: make([]part, 1)}
	if jt != nil {
		e.parts = make([]part, jt.Shares)
	}
	var g errgroup.Group
	g.SetLimit(readers)
	for i := range e.parts {
		p := &e.parts[i]
		place := root
		if jt != nil {
			p.Share = jt.share(i)
			place = storage.Join(root, shareName(p.Share))
		}
		g.Go(func() (err error) {
			p.j = &journal.Journal{}
			if p.store, err = storage.Open(ctx, place); errors.Is(err, fs.ErrNotExist) {
				p.store = nil
				return nil
			}
			if err == nil {
				p.j, err = journal.Read(p.store)
			}
			return err
		})
	}
	return e, g.Wait()
}

// bound returns what the load is of; nil: it was not begun.
func (e *ending) bound() *journal.Binding {
	if e.jt != nil {
		return &e.jt.Binding
	}
	if e.parts[0].j.Began().IsZero() {
		return nil
	}
	b := e.parts[0].j.Bound()
	return &b
}

// what names the load.
func (e *ending) what() string {
	if e.jt == nil {
		return "the load is"
	}
	if e.jt.Shares == 1 {
		return "the one share is"
	}
	return fmt.Sprintf("all %d shares are", e.jt.Shares)
}

// mostNamed is how many shares an error names.
const mostNamed = 20

// complete names the parts that are not done.
func (e *ending) complete() error {
	const second = "2006-01-02 15:04:05 MST"
	var lacking []string
	for _, p := range e.parts {
		what := "the load"
		if !p.IsAll() {
			what = "share " + p.String()
		}
		switch j := p.j; {
		case !j.Undone().IsZero() && e.jt != nil && j.Bound().Load != e.jt.ID: // it was of a load before
			lacking = append(lacking, what+" was not begun")
		case j.IsUndoing() || !j.Undone().IsZero():
			return fmt.Errorf("%w: %s was undone, or is being undone (%s)", errRefused, what, e.root)
		case j.Began().IsZero():
			lacking = append(lacking, what+" was not begun")
		case j.Finished().IsZero():
			lacking = append(lacking, fmt.Sprintf("%s was begun on %s and has loaded %s", what, j.Began().Local().Format(second), progress.Plural(j.Stats().Keys, "key", "keys")))
		}
	}
	if len(lacking) == 0 {
		return nil
	}
	n := len(lacking)
	if n > mostNamed {
		lacking = append(lacking[:mostNamed], fmt.Sprintf("and %d more", n-mostNamed))
	}
	if e.jt == nil {
		return fmt.Errorf("%w: %s; go on with it with --resume", errUnfinished, lacking[0])
	}
	return fmt.Errorf("%w: %d of %s not done: %s; wait for them, or go on with each with --shard I/%d --resume",
		errUnfinished, n, progress.Plural(e.jt.Shares, "share is", "shares are"), strings.Join(lacking, ", "), e.jt.Shares)
}

// stats returns the sum over all parts.
func (e *ending) stats() (s checkpoint.Stats) {
	for _, p := range e.parts {
		s.Add(p.j.Stats())
	}
	return s
}

// took returns the time from the beginning of the first part to the end of the last.
func (e *ending) took() time.Duration {
	first, last := e.parts[0].j.Began(), e.parts[0].j.Finished()
	for _, p := range e.parts[1:] {
		if t := p.j.Began(); t.Before(first) {
			first = t
		}
		if t := p.j.Finished(); t.After(last) {
			last = t
		}
	}
	return last.Sub(first)
}

// collect puts the lists of what was left out together in one file, and returns its path; empty: there is none.
func (e *ending) collect(path string) (list string, err error) {
	if e.stats().Left() == 0 {
		return "", nil
	}
	var f *os.File
	defer func() {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	for _, p := range e.parts {
		if p.j.Stats().Left() == 0 {
			continue
		}
		r, err := storage.ReadLog(p.store, leftOutName(p.j))
		if errors.Is(err, fs.ErrNotExist) && e.jt == nil { // it is where --report said
			return "", nil
		}
		if err != nil {
			return "", fmt.Errorf("read what was left out: %w", err)
		}
		if f == nil {
			f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		}
		if err == nil {
			_, err = io.Copy(f, r)
		}
		if err = errors.Join(err, r.Close()); err != nil {
			return "", fmt.Errorf("put together what was left out: %w", err)
		}
	}
	return path, nil
}
