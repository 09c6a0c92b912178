package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/share"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// statePath returns the place of the journal: beside the dump, by target, or for a dump in a bucket or a
// stream in the working directory. That of shares, which are on many machines, is beside the dump in a bucket, too, unless the
// dump is the whole bucket: beside that there may be somebody else's. That of a cluster of nodes may have been begun with another of
// its nodes as the address.
func (o *loadOptions) statePath(nodes []string) string {
	if o.state != "" {
		return o.state
	}
	dump := filepath.Clean(o.in)
	if name := filepath.Base(dump); name == "." || name == ".." {
		if whole, err := filepath.Abs(dump); err == nil {
			dump = whole
		}
	}
	parent := dump + ".load"
	if storage.IsURL(o.in) || o.in == stdin {
		parent = "kvload-" + o.dump[:8] + ".load"
	}
	if len(nodes) > 0 && o.share.IsAll() {
		others, _ := os.ReadDir(parent)
		for _, other := range others {
			path := filepath.Join(parent, other.Name())
			if b, err := journal.ReadBinding(path); err == nil && b.SharesNode(nodes) {
				return path
			}
		}
	}
	if bucket, query, _ := strings.Cut(o.in, "?"); storage.HasPrefix(o.in) && !o.share.IsAll() {
		return storage.Join(strings.TrimRight(bucket, "/")+".load?"+query, o.targetName())
	}
	return filepath.Join(parent, o.targetName())
}

// mayStandBeside refuses to put the state of shares, which names keys in clear, beside an encrypted dump in a bucket unasked:
// whoever can read the one can read the other.
func (o *loadOptions) mayStandBeside(a *archive.Archive) error {
	if o.state != "" || o.share.IsAll() || !storage.IsURL(o.in) || !a.IsEncrypted() {
		return nil
	}
	return command.Usage("the dump in %s is encrypted, and --shard would keep its journal beside it in the bucket, where what is left out is listed by name, in clear: "+
		"say with --state where that may stand, a directory or a bucket that all shares see", a.Path())
}

// targetName is the target's address as the name of a directory.
func (o *loadOptions) targetName() string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(`:/\[]%`, r) {
			return '_'
		}
		return r
	}, o.server.Addr)
}

// findState returns the place of a load that is there, and what its shares have in common; nil: it has none.
func (o *loadOptions) findState(ctx context.Context, nodes []string) (string, *joint, error) {
	read := func(root string) (*joint, error) {
		store, err := storage.Open(ctx, root)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		return readJoint(store)
	}
	root := o.statePath(nodes)
	if o.state == "" && storage.HasPrefix(o.in) {
		divided := *o
		divided.share = share.Share{Index: 0, Of: 1}
		beside := divided.statePath(nodes)
		if jt, err := read(beside); err != nil || jt != nil {
			return beside, jt, err
		}
	}
	jt, err := read(root)
	return root, jt, err
}

// began returns what a load that is there is of, and where that stands. The error is fs.ErrNotExist if there is none.
func (o *loadOptions) began(ctx context.Context) (root string, b journal.Binding, err error) {
	root, jt, err := o.findState(ctx, nil)
	if err != nil {
		return root, b, err
	}
	if jt != nil {
		return root, jt.Binding, nil
	}
	if !storage.IsURL(root) {
		b, err = journal.ReadBinding(root)
		return root, b, err
	}
	store, err := storage.Open(ctx, root)
	if err != nil {
		return root, b, err
	}
	j, err := journal.Read(store)
	if err != nil || j.Began().IsZero() {
		return root, b, cmp.Or(err, error(fs.ErrNotExist))
	}
	return root, j.Bound(), nil
}

// openJournal opens the journal of a share, below the place of all.
func (o *loadOptions) openJournal(ctx context.Context, root string, s share.Share, jo journal.Options) (*journal.Journal, storage.Store, error) {
	if !s.IsAll() {
		root = storage.Join(root, shareName(s))
	}
	store, err := storage.Create(ctx, root, storage.Options{BreakLock: o.breakLock})
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w; choose another place with --state", journal.ErrNoPlace, err)
	}
	j, err := journal.OpenStore(store, jo)
	return j, store, err
}

// binding says what a journal of this load is of.
func (o *loadOptions) binding(a *archive.Archive, l *writer.Loader) journal.Binding {
	t := l.Target()
	b := journal.Binding{
		Dump: a.Manifest.Dump, Address: t.Addr, Nodes: t.Nodes, Server: t.Server, Places: map[int]string{},
		Now: time.Now().Add(t.ClockOffset).UTC().Truncate(time.Millisecond),
	}
	for db, p := range o.writer.Keyspaces {
		b.Places[db] = l.Keyspace(db)
		if b.Places[db] == "" { // the target does not tell
			b.Places[db] = fmt.Sprintf("db %d", p.DB)
			if p.Token != "" {
				b.Places[db] = "a namespace"
			}
		}
	}
	var types []string
	for _, t := range format.Types {
		if o.filter.Type(t) {
			types = append(types, string(t))
		}
	}
	b.Settings = map[string]string{
		"--on-exists": o.writer.OnExists.String(), "--on-conflict": string(o.conflict), "--hyperloglog": o.writer.HyperLogLog.String(),
		"--ttl": string(o.ttl.mode), "--ttl-min": o.ttl.least.String(),
		"--key-prefix-strip": asText(o.prefix.strip), "--key-prefix-add": asText(o.prefix.add),
		"--type": strings.Join(types, ","), "--db": fmt.Sprint(o.filter.DBs), "--match": o.filter.Match,
	}
	if !o.share.IsAll() {
		b.Settings["--shard"] = o.share.String()
	}
	return b
}

// asText returns a text that JSON holds without loss, and that no other bytes become: quoted unless they are UTF-8.
func asText(b []byte) string {
	if utf8.Valid(b) && !bytes.HasPrefix(b, []byte{'"'}) {
		return string(b)
	}
	return strconv.QuoteToASCII(string(b))
}

// undoPlace returns --undo as the journal keeps it.
func (o *loadOptions) undoPlace() (string, error) {
	if o.undo == "" || storage.IsURL(o.undo) {
		return o.undo, nil
	}
	return filepath.Abs(o.undo)
}

// undoOf says where a load saves what it overwrites.
func undoOf(j *journal.Journal) string {
	if j.Undo() == "" {
		return "without --undo"
	}
	return "with --undo " + j.Undo()
}

// byStored orders units, the largest first.
func byStored(units []archive.Unit) {
	slices.SortStableFunc(units, func(x, y archive.Unit) int { return int(min(1, max(-1, y.Stored()-x.Stored()))) })
}
