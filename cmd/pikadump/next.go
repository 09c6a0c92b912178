package main

import (
	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/follow"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

func afterDump(c *cli.Context, s *summary.Summary, err error) []string {
	out := c.String("out")
	switch {
	case out == stdout:
		return nil
	case s.Shard != "" && s.Finished: // when all are
		keep := command.But("plan", "shard", "resume")
		return []string{command.Next(c, "pikadump dump", keep, "--resume")}
	case s.Result == summary.Inconsistent,
		s.Finished && s.Result == summary.Left && len(s.LeftOut) == 0: // dump again
		return []string{command.Next(c, "pikadump dump", command.But("resume"), "--out", "DIR")}
	case s.Finished:
		return thenLoad(c, s, out)
	case !command.IsUnfinished(s, err):
		return nil
	case c.Bool("resume") || s.Shard != "":
		return command.Again(c)
	}
	return command.Again(c, "--resume")
}

func afterPlan(c *cli.Context, s *summary.Summary, err error) []string {
	if err != nil {
		return nil
	}
	keep := command.Of(c, "dump", "log-file")
	return []string{command.Next(c, "pikadump dump", keep, "--out", "DIR")}
}

// afterFollow tells what comes after a run that followed, or could not.
func afterFollow(c *cli.Context, s *summary.Summary, err error) []string {
	chain := s.Chain
	switch {
	case chain == nil:
		return nil
	case follow.CannotFollow(err), chain.Restarted && s.Result == summary.Left:
		out := archive.DeltaPath(c.String("out"), chain.Number+1)
		return []string{command.Next(c, "pikadump dump", command.Of(c, "dump"), "--out", out)}
	case s.Result == summary.Stopped || s.Result == summary.Failed:
		return command.Again(c)
	case chain.Deltas > 0:
		return thenLoad(c, s, c.String("out"))
	}
	return nil
}

// thenLoad tells that what was written can be loaded.
func thenLoad(c *cli.Context, s *summary.Summary, in string) []string {
	s.Sealed = c.IsSet("encrypt-to")
	more := append([]string{"--uri", "redis://TARGET:6666", "--in", in},
		s.LoadFlags(c.String("base"))...)
	return []string{command.Next(c, "kvload load", func(string) bool { return false }, more...)}
}
