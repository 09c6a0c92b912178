package pack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/tempfile"
)

// A Receiver puts the files of a stream into a spool, one whenever the feed asks for more, and
// removes those that the feed is done with.
type Receiver struct {
	r     *Reader
	spool spool
	feed  *archive.Feed
}

// A spool is a directory whose files are removed when they will not be read any more.
type spool struct {
	*storage.Dir
	remove func() error
}

// makeSpool makes one in parent, empty for the directory of temporary files.
func makeSpool(parent string) (s spool, err error) {
	path, remove, err := tempfile.Dir(parent, "pika2kvrocks-stream-")
	if err != nil {
		return s, err
	}
	dir, err := storage.OpenDir(path)
	return spool{dir, remove}, err
}

func (s spool) Path(name string) string {
	if name == "" {
		return StreamName
	}
	return name + " in " + StreamName
}

func (s spool) Release(name string) error { return s.Dir.Remove(name) }

// Receive begins to read the dump that r is the stream of. The spool is made in the directory
// parent, empty for that of temporary files.
func Receive(r io.Reader, parent string, threads int, identities []age.Identity) (*Receiver, error) {
	s, err := makeSpool(parent)
	if err != nil {
		return nil, fmt.Errorf("make a spool: %w", err)
	}
	rc := &Receiver{r: NewReader(r), spool: s}
	if err := rc.begin(threads, identities); err != nil {
		return nil, errors.Join(err, rc.Close())
	}
	return rc, nil
}

func (rc *Receiver) begin(threads int, identities []age.Identity) error {
	name, err := rc.r.Next() // dump.json, or an error
	if err == nil {
		_, err = rc.r.Store(name, rc.spool)
	}
	if err != nil {
		return err
	}
	dir, err := encryption.Open(rc.spool, identities)
	if err == nil {
		rc.feed, err = archive.NewFeed(dir, threads, rc)
	}
	return err
}

func (rc *Receiver) Feed() *archive.Feed { return rc.feed }

// Next receives one file.
func (rc *Receiver) Next(ctx context.Context) ([]string, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	name, err := rc.r.Next()
	if err != nil {
		return nil, err
	}
	if _, err := rc.r.Store(name, rc.spool); err != nil {
		return nil, err
	}
	if name == format.InventoryName {
		return nil, nil
	}
	return []string{strings.TrimSuffix(name, format.EncryptedSuffix)}, nil
}

// Close removes the spool.
func (rc *Receiver) Close() error {
	if rc.feed != nil {
		rc.feed.Close()
	}
	return rc.spool.remove()
}
