package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/logging"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

const checkDescription = `Needs no server. Says which files are damaged and where (13).

For an encrypted dump it checks, without an identity, that every file is
there and as it was written. With --identity it looks into them as well.

EXAMPLES:
   kvload check /backup/pika
   kvload check --identity key.txt /backup/pika`

func checkCommand() *cli.Command {
	env := command.Env("KVLOAD")
	return &cli.Command{
		Name: "check", Usage: "read a whole dump and verify every checksum, count and range", UsageText: "kvload check DIR", ArgsUsage: "DIR",
		Description: checkDescription,
		Flags:       append(command.OutputFlags(env), encryption.IdentityFlag(env)),
		Action:      check,
	}
}

func check(c *cli.Context) error {
	location, keys, err := argument(c)
	if err != nil {
		return err
	}
	s := command.Summarize(c, thenLoad(c, location))
	s.Dump.Place = summary.Place(location)
	if err := nameForeign(c, location); err != nil {
		return err
	}
	inside, err := checkFiles(c, s, location, keys)
	if err != nil || !inside {
		return err
	}
	a, err := archive.Open(c.Context, location, 0, keys.Identities...)
	if err != nil {
		return err
	}
	defer a.Close()
	logging.SetDump(c.App.ErrWriter, a.Manifest.Dump)
	s.Of(a.Manifest, a.Path())
	meter, err := command.Meter(c)
	if err != nil {
		return err
	}
	end := meter.Begin("check", 1)
	part := func(ci format.ChunkInfo) *progress.Counter {
		return meter.Part(progress.Name{DB: ci.DB, Type: string(ci.Type)})
	}
	for _, ci := range a.Manifest.Chunks {
		part(ci).Expect(ci.Size)
	}
	bad, err := a.Check(c.Context, func(ci format.ChunkInfo) {
		part(ci).Add(ci.Keys, ci.Raw, ci.Size)
		part(ci).UnitDone()
		part(ci).AddElements(ci.Elements)
		meter.Chunk(1)
	}, failedTo(c))
	end()
	if err := damage(bad, err); err != nil {
		return err
	}
	for _, line := range report.Partial(a.Manifest.Options) {
		s.Note("the dump is " + line)
	}
	s.Hold(a.Manifest.Totals)
	s.Finished = true
	return nil
}

// foreignNamed is how many files that are no part of the dump are named.
const foreignNamed = 5

// nameForeign names what lies beside the files of a dump, and is ignored (FORMAT.md §6).
func nameForeign(c *cli.Context, location string) error {
	dir, err := storage.Open(c.Context, location)
	if err != nil {
		return nil // archive.Open says so as well
	}
	names, err := dir.List()
	if err != nil {
		return err
	}
	names = slices.DeleteFunc(names, func(n string) bool {
		return n == format.InventoryName || format.IsFileName(strings.TrimSuffix(n, format.EncryptedSuffix))
	})
	if len(names) == 0 {
		return nil
	}
	named := strings.Join(names[:min(len(names), foreignNamed)], ", ")
	if more := len(names) - foreignNamed; more > 0 {
		named += fmt.Sprintf(" and %s more", progress.Count(int64(more)))
	}
	fmt.Fprintf(c.App.ErrWriter, "no part of the dump, and ignored: %s\n", named)
	return nil
}

// checkFiles checks the files of an encrypted dump from outside. It reports whether the dump can be
// looked into.
func checkFiles(c *cli.Context, s *summary.Summary, location string, keys encryption.Keys) (inside bool, err error) {
	dir, err := storage.Open(c.Context, location)
	if err != nil {
		return true, nil // archive.Open says so as well
	}
	in, err := encryption.ReadInventory(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if encryption.IsEncrypted(dir) {
			return false, fmt.Errorf("%w in %s: it is encrypted and has no %s, so pikadump did not finish it, or it was lost", archive.ErrIncomplete, location, format.InventoryName)
		}
		return true, nil
	}
	if err != nil {
		return false, err
	}
	meter, err := command.Meter(c)
	if err != nil {
		return false, err
	}
	end := meter.Begin("check files", 1)
	whole := meter.Part(progress.Name{})
	for _, f := range in.Files {
		whole.Expect(f.Size)
	}
	bad, err := encryption.Check(c.Context, dir, in, func(f format.File) {
		whole.Add(0, f.Size, f.Size)
		whole.UnitDone()
	}, failedTo(c))
	end()
	if err := damage(bad, err); err != nil {
		return false, err
	}
	if len(keys.Identities) > 0 {
		return true, nil
	}
	s.Written = len(in.Files)
	for _, f := range in.Files {
		s.Stored += f.Size
	}
	s.Note("encrypted: every file is there and as written; what is inside was not looked at, which needs --identity FILE")
	return false, nil
}

// failedTo returns what says that a file is damaged.
func failedTo(c *cli.Context) func(error) {
	return func(err error) { fmt.Fprintln(c.App.ErrWriter, err) }
}

func damage(bad int, err error) error {
	if err != nil || bad == 0 {
		return err
	}
	return fmt.Errorf("%w: %s not as written; fetch again from where the dump came, or dump again", errDamaged, progress.Plural(bad, "file is", "files are"))
}
