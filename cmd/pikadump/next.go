package main

import (
	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/follow"
	"github.com/pika2kvrocks/pika2kvrocks/internal/shellword"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

// afterDump tells what comes after a dump.
func afterDump(c *cli.Context) func(*summary.Summary, error) []string {
	return func(s *summary.Summary, err error) []string {
		out := c.String("out")
		switch {
		case out == stdout:
			return nil
		case s.Shard != "" && s.Finished: // when all are
			return []string{command.Next(c, "pikadump dump", command.But("plan", "shard", "resume"), "--resume")}
		case s.Result == summary.Inconsistent, s.Finished && s.Result == summary.Left && len(s.LeftOut) == 0: // dump again
			return []string{command.Next(c, "pikadump dump", command.But("resume", "out"), "--out", "DIR")}
		case s.Finished:
			more := []string{"--uri", "redis://TARGET:6666", "--in", out}
			if base := c.String("base"); base != "" {
				more = append(more, "--base", base)
			}
			if c.IsSet("encrypt-to") {
				more = append(more, "--identity", "KEYFILE")
			}
			return []string{command.Next(c, "kvload load", none, more...)}
		case !command.IsUnfinished(s, err):
			return nil
		case c.Bool("resume") || s.Shard != "":
			return []string{command.Next(c, "pikadump dump", command.But())}
		}
		return []string{command.Next(c, "pikadump dump", command.But(), "--resume")}
	}
}

// afterPlan tells what comes after one.
func afterPlan(c *cli.Context) func(*summary.Summary, error) []string {
	return func(s *summary.Summary, err error) []string {
		if err != nil {
			return nil
		}
		return []string{command.Next(c, "pikadump dump", command.Of(c, "dump", "log-file"), "--out", "DIR")}
	}
}

// afterVerify tells what comes after a comparison with the source.
func afterVerify(c *cli.Context) func(*summary.Summary, error) []string {
	return func(s *summary.Summary, err error) []string {
		switch {
		case s.Result == summary.Different && c.String("report") == "":
			return []string{command.Next(c, "pikadump verify", command.But(), "--report", "changed.jsonl")}
		case s.Result == summary.Different:
			return []string{"less " + shellword.Quote(c.String("report"))}
		case s.Result == summary.Stopped && s.Dump.ID != "":
			return []string{command.Next(c, "pikadump verify", command.But())}
		}
		return nil
	}
}

// afterFollow tells what comes after a run that followed, or could not.
func afterFollow(c *cli.Context) func(*summary.Summary, error) []string {
	return func(s *summary.Summary, err error) []string {
		chain := s.Chain
		switch {
		case chain == nil:
			return nil
		case follow.CannotFollow(err):
			out := archive.DeltaPath(c.String("out"), chain.Number+1)
			return []string{command.Next(c, "pikadump dump", command.Of(c, "dump", "out"), "--out", out)}
		case s.Result == summary.Stopped || s.Result == summary.Failed:
			return []string{command.Next(c, "pikadump follow", command.But())}
		case chain.Deltas > 0:
			more := []string{"--uri", "redis://TARGET:6666", "--in", c.String("out")}
			if c.IsSet("encrypt-to") {
				more = append(more, "--identity", "KEYFILE")
			}
			return []string{command.Next(c, "kvload load", none, more...)}
		}
		return nil
	}
}

func none(string) bool { return false }
