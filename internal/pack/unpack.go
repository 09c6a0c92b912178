package pack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// Unpack reads a stream into dir, which must be empty. The file that ends the dump is written when
// all the others have been found to be what it lists. If that does not come about, nothing is
// left in dir. It calls done after each file.
func Unpack(ctx context.Context, r io.Reader, dir storage.Store, done func(format.File)) (err error) {
	lock, err := dir.Lock()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	names, err := dir.List()
	if err != nil {
		return err
	}
	if slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, format.ManifestName) }) {
		return fmt.Errorf("%w: %s holds a finished dump; give another directory", archive.ErrExists, dir.Path(""))
	}
	if len(names) > 0 {
		return fmt.Errorf("%w: %s holds %s; give another directory, or remove what is in it if a run that was killed has left it", archive.ErrExists, dir.Path(""), names[0])
	}
	u := &unpacking{r: NewReader(r), dir: dir, files: map[string]format.File{}}
	if err := u.all(ctx, done); err != nil {
		for name := range u.files {
			err = errors.Join(err, dir.Remove(name))
		}
		return err
	}
	return nil
}

type unpacking struct {
	r     *Reader
	dir   storage.Store
	files map[string]format.File // written
	last  bytes.Buffer           // the file that ends the dump
	name  string                 // its name
}

func (u *unpacking) all(ctx context.Context, done func(format.File)) error {
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		name, err := u.r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		var f format.File
		if isLast(name) {
			u.name = name
			f, err = u.r.Copy(name, &u.last)
		} else if f, err = u.r.Store(name, u.dir); err == nil {
			u.files[name] = f
		}
		if err != nil {
			return err
		}
		done(f)
	}
	if err := u.check(); err != nil {
		return err
	}
	return storage.WriteFile(u.dir, u.name, u.last.Bytes())
}

// check compares what has come with what the last file lists.
func (u *unpacking) check() error {
	var want []format.File
	if u.name == format.InventoryName {
		in, err := format.ParseInventory(u.last.Bytes())
		if err != nil {
			return err
		}
		want = in.Files
	} else {
		m, err := format.ParseManifest(u.last.Bytes())
		if err != nil {
			return err
		}
		if err := archive.CheckInfo(u.dir, m); err != nil {
			return err
		}
		files := listed(m)
		want = files[:len(files)-1]
	}
	missing := slices.DeleteFunc(slices.Clone(want), func(f format.File) bool { _, ok := u.files[f.Name]; return ok })
	switch {
	case len(missing) > 0:
		return &format.CorruptError{Name: StreamName, Offset: u.r.in.n, Err: fmt.Errorf("%s lists %s, which is not there", u.name, missing[0].Name)}
	case len(want) != len(u.files):
		return &format.CorruptError{Name: StreamName, Offset: u.r.in.n, Err: fmt.Errorf("it holds files that %s does not list", u.name)}
	}
	for _, f := range want {
		if f.SHA256 != "" && u.files[f.Name] != f {
			return &format.CorruptError{Name: f.Name, Err: fmt.Errorf("%w: it is not the file that %s lists", format.ErrChecksum, u.name)}
		}
	}
	return nil
}
