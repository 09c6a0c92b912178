package main

import (
	"fmt"
	"sync/atomic"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

func checkCommand() *cli.Command {
	return &cli.Command{
		Name: "check", Usage: "read a whole dump and verify every checksum, count and range", UsageText: "kvload check DIR",
		Description: "Needs no server. Says which files are damaged and where; exit code 13 if any is.\n\nEXAMPLES:\n   kvload check /backup/pika\n   kvload check 's3://backups/pika?region=eu-west-1'",
		Flags:       []cli.Flag{&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "show no progress", EnvVars: command.Env("KVLOAD")("quiet")}},
		Action:      check,
	}
}

func check(c *cli.Context) error {
	a, err := openArgument(c)
	if err != nil {
		return err
	}
	defer a.Close()
	var keys, read atomic.Int64
	total := int64(0)
	for _, t := range a.Manifest.Totals {
		total += t.Stored
	}
	stop := func() {}
	if !c.Bool("quiet") {
		stop = progress.Start(c.App.ErrWriter, func() progress.Snapshot {
			return progress.Snapshot{Keys: keys.Load(), Bytes: read.Load(), Done: float64(read.Load()) / float64(max(1, total))}
		})
		defer stop()
	}
	bad, err := a.Check(c.Context, func(ci format.ChunkInfo) {
		keys.Add(ci.Keys)
		read.Add(ci.Size)
	}, func(err error) { fmt.Fprintln(c.App.ErrWriter, err) })
	stop()
	if err != nil {
		return err
	}
	if bad > 0 {
		return fmt.Errorf("%w: %d of its files are not as they were written; fetch them again from where they came, or dump again", errDamaged, bad)
	}
	fmt.Fprintf(c.App.Writer, "%s: sound: %s keys in %s chunks\n", a.Path(), progress.Count(keys.Load()), progress.Count(int64(len(a.Manifest.Chunks))))
	return nil
}
