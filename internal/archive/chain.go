package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"filippo.io/age"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// ErrChain: the deltas of a chain do not follow one another, or their base.
var ErrChain = exitcode.New(exitcode.Corrupt, "this is no whole chain of deltas")

// ErrBase: a dump was given as the base of a chain that has another.
var ErrBase = exitcode.New(exitcode.Refused, "this is not the base of the chain")

// NotBehind is of which kind the error is that a delta does not follow what stands before it.
func NotBehind(in, before *format.Info) error {
	if in.Delta != nil && before.Delta == nil && in.Delta.Base != before.Dump {
		return ErrBase
	}
	return ErrChain
}

// Chain returns the deltas of the chain at location, a directory or the URL of a prefix in a
// bucket, in their order, when they have been found to follow one another. The last may be
// unfinished. Where nothing is there are none. Identities are for deltas that are encrypted.
func Chain(ctx context.Context, location string, identities ...age.Identity) ([]Member, error) {
	members, err := Locations(ctx, location)
	if err != nil {
		return nil, err
	}
	for i := range members {
		if members[i], err = ReadMember(ctx, location, i+1, identities...); err != nil {
			return nil, err
		}
	}
	for i := range members {
		m := &members[i]
		switch d := m.Info.Delta; {
		case !m.Finished && i < len(members)-1:
			return nil, fmt.Errorf("%w: %s is not finished, and another follows it", ErrChain, m.Location)
		case m.Info.Dump == "":
		case d == nil:
			return nil, fmt.Errorf("%w: %s is a full dump", ErrChain, m.Location)
		case d.Number != m.Number:
			return nil, fmt.Errorf("%w: %s is delta %d", ErrChain, m.Location, d.Number)
		case i > 0:
			if err := m.Info.Follows(&members[i-1].Info); err != nil {
				return nil, fmt.Errorf("%w: %s: %w", ErrChain, m.Location, err)
			}
		}
	}
	return members, nil
}

// ChainUpTo is Chain of a location that is a chain, or one of its deltas, which is then the last.
func ChainUpTo(ctx context.Context, location string, identities ...age.Identity) ([]Member, error) {
	chain, number, isDelta := ParseDeltaPath(location)
	if !isDelta {
		chain, number = location, format.MaxDelta
	}
	if is, err := IsChain(ctx, chain); err != nil || !is {
		return nil, cmp.Or(err, exitcode.Usagef("%s is neither a chain of deltas nor one of its deltas", location))
	}
	members, err := Chain(ctx, chain, identities...)
	if err == nil && isDelta && number > len(members) {
		err = fmt.Errorf("%w: there is no %s", ErrIncomplete, location)
	}
	return members[:min(number, len(members))], err
}

// Locations is Chain without a look at the deltas: for encrypted ones, which cannot be read.
func Locations(ctx context.Context, location string) ([]Member, error) {
	numbers, err := deltasIn(ctx, location)
	if err != nil {
		return nil, err
	}
	var members []Member
	for i, n := range numbers {
		if n != i+1 {
			return nil, fmt.Errorf("%w: %s has delta %d, but no delta %d", ErrChain, location, n, i+1)
		}
		members = append(members, Member{Number: n, Location: DeltaPath(location, n)})
	}
	return members, nil
}

// IsChain reports whether a location holds a chain: deltas, and no dump.json of its own.
func IsChain(ctx context.Context, location string) (bool, error) {
	if dump, err := IsDump(ctx, location); dump || err != nil {
		return false, err
	}
	numbers, err := deltasIn(ctx, location)
	return len(numbers) > 0, err
}

// IsDump reports whether a location holds a dump, finished or not, whatever lies below it.
func IsDump(ctx context.Context, location string) (bool, error) {
	dir, err := openStore(ctx, location)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return isBegun(dir, "")
}

// ChainAt returns the chain that a location is, or lies in; empty: none.
func ChainAt(ctx context.Context, location string) (string, error) {
	within, last := SplitLocation(location)
	for _, chain := range []string{location, within} {
		if storage.IsURL(location) && last == "" {
			continue
		}
		dir, err := openStore(ctx, chain)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		if begun, err := isBegun(dir, deltaDir(1)+"/"); begun || err != nil {
			return chain, err
		}
	}
	return "", nil
}

// deltasIn returns the numbers of the deltas of which there is a file.
func deltasIn(ctx context.Context, location string) ([]int, error) {
	dir, err := openStore(ctx, location)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list chain: %w", err)
	}
	names, err := dir.List()
	if err != nil {
		return nil, fmt.Errorf("list chain: %w", err)
	}
	listed := map[int]bool{}
	for _, name := range names {
		member, file, _ := strings.Cut(name, "/")
		if _, _, ok := format.ParseFileName(file); ok {
			listed[deltaNumber(member)] = true
		}
	}
	delete(listed, 0)
	var numbers []int
	for n := 1; ; n++ { // some buckets list late: one that is missing is asked for
		if !listed[n] {
			begun, err := isBegun(dir, deltaDir(n)+"/")
			if err != nil {
				return nil, err
			}
			if !begun {
				break
			}
		}
		delete(listed, n)
		numbers = append(numbers, n)
	}
	return append(numbers, slices.Sorted(maps.Keys(listed))...), nil
}

// ReadMember looks at one delta of a chain. Of one that nobody has begun there is no dump.json.
func ReadMember(ctx context.Context, chain string, number int, identities ...age.Identity) (Member, error) {
	m := Member{Number: number, Location: DeltaPath(chain, number)}
	dir, err := openDir(ctx, m.Location, identities)
	if errors.Is(err, fs.ErrNotExist) { // no directory yet
		return m, nil
	}
	if err != nil {
		return m, err
	}
	_, m.Encrypted = dir.(*encryption.Store)
	if m.Finished, err = storage.Exists(dir, format.ManifestName); err != nil {
		return m, err
	}
	in, err := ReadInfo(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !m.Finished:
		return m, nil
	case err != nil:
		return m, fmt.Errorf("%w: %w", ErrChain, err)
	}
	m.Info = *in
	return m, nil
}

// Discard removes all that there is of an unfinished dump, which is to be made anew.
func Discard(ctx context.Context, location string, o storage.Options) error {
	dir, err := storage.Create(ctx, location, o)
	if err != nil {
		return fmt.Errorf("discard dump: %w", err)
	}
	lock, err := dir.Lock()
	if err != nil {
		return err
	}
	defer lock.Unlock()
	names, err := dir.List()
	if err != nil {
		return fmt.Errorf("discard dump: %w", err)
	}
	last := format.ManifestName
	if encryption.IsEncrypted(dir) {
		last = format.InventoryName
	}
	if slices.Contains(names, last) {
		return fmt.Errorf("discard dump: %w: %s", ErrFinished, dir.Path(""))
	}
	for _, name := range names {
		if _, _, ok := format.ParseFileName(strings.TrimPrefix(name, besideName+"/")); !ok {
			continue
		}
		if err := dir.Remove(name); err != nil {
			return fmt.Errorf("discard dump: %w", err)
		}
	}
	return dir.RemoveTemporaries()
}
