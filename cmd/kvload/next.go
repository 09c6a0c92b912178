package main

import (
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/shellword"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

// own are flags that say what one command does, not which load it is about.
var own = []string{"report", "dry-run", "resume", "shard", "shards", "undo", "accept", "on-exists", "threads", "break-lock", "rounds", "sample",
	"keys-only", "reverse", "left-out", "force", "flush", "log-file", "metrics-addr", "metrics-file", "push-url"}

// afterLoad tells what comes after a load.
func afterLoad(c *cli.Context) func(*summary.Summary, error) []string {
	return func(s *summary.Summary, err error) []string {
		if c.String("in") == loadstate.Stream {
			return nil // what was read is not there any more
		}
		switch {
		case s.DryRun && s.Result == summary.Done:
			return []string{command.Next(c, "kvload load", command.But("dry-run"))}
		case len(s.Targets) > 0 && s.Result != summary.Refused && s.Result != summary.Done, command.IsUnfinished(s, err) && len(s.Targets) == 0 && mayResume(s):
			if c.Bool("resume") {
				return []string{command.Next(c, "kvload load", command.But())}
			}
			return []string{command.Next(c, "kvload load", command.But(), "--resume")}
		case len(s.Targets) > 0:
			return verifyEach(c, s)
		case !s.Finished || s.Comparison != nil && s.Comparison.Equal:
			return nil
		case s.Comparison != nil:
			return []string{command.Next(c, "kvload verify", command.Of(c, "verify", own...), "--report", "differs.jsonl")}
		case s.Shard != "":
			return []string{command.Next(c, "kvload finish", command.Of(c, "finish", own...))}
		}
		return []string{command.Next(c, "kvload verify", command.Of(c, "verify", own...), leftOut(s)...)}
	}
}

// afterFollow tells what comes after a chain was followed.
func afterFollow(c *cli.Context) func(*summary.Summary, error) []string {
	return func(s *summary.Summary, err error) []string {
		switch chain := s.Chain; {
		case command.IsUnfinished(s, err):
			return []string{command.Next(c, "kvload follow", command.But())}
		case len(s.Targets) > 0, chain == nil, !s.Finished, s.Comparison != nil:
			return nil
		}
		return []string{command.Next(c, "kvload verify", command.Of(c, "verify", append([]string{"in"}, own...)...), "--in", c.String("in"))}
	}
}

// verifyEach compares each of several targets that was not compared yet.
func verifyEach(c *cli.Context, s *summary.Summary) (all []string) {
	keep := command.Of(c, "verify", append([]string{"uri"}, own...)...)
	for i, uri := range c.StringSlice("uri") {
		if i < len(s.Targets) && s.Targets[i].Comparison == nil {
			shown, asks := command.WithoutPassword(uri)
			more := append([]string{"--uri", shown}, leftOut(s.Targets[i])...)
			if asks {
				more = append(more, "--askpass")
			}
			all = append(all, command.Next(c, "kvload verify", keep, more...))
		}
	}
	return all
}

// mayResume reports whether a load has come as far as its journal.
func mayResume(s *summary.Summary) bool { return len(s.Files) > 0 }

// leftOut is the flag of verify that names what a load has left out.
func leftOut(s *summary.Summary) []string {
	for _, l := range s.LeftOut {
		if l.Lost && l.List != "" && !strings.Contains(l.List, "://") {
			return []string{"--left-out", l.List}
		}
	}
	return nil
}

// afterVerify tells what comes after a comparison.
func afterVerify(c *cli.Context) func(*summary.Summary, error) []string {
	name := "kvload " + c.Command.Name
	return func(s *summary.Summary, err error) []string {
		switch {
		case s.Result == summary.Different && c.String("report") == "":
			return []string{command.Next(c, name, command.But(), "--report", "differs.jsonl")}
		case s.Result == summary.Different:
			return []string{"less " + shellword.Quote(c.String("report"))}
		case s.Result == summary.Stopped && s.Dump.ID != "":
			return []string{command.Next(c, name, command.But())}
		}
		return nil
	}
}

// afterRollback tells what comes after one.
func afterRollback(c *cli.Context) func(*summary.Summary, error) []string {
	return func(s *summary.Summary, err error) []string {
		switch {
		case s.Rollback == nil:
			return nil
		case s.Result == summary.Done:
			return []string{command.Next(c, "kvload load", command.Of(c, "load", "threads"), "--dry-run")}
		case s.Result == summary.Left: // what others wrote: whether it goes is theirs to say
			if list := s.LeftOut[0].List; list != "" && !strings.Contains(list, "://") {
				return []string{"less " + shellword.Quote(list)}
			}
			return nil
		}
		return []string{command.Next(c, "kvload rollback", command.But())}
	}
}

// thenLoad tells that a dump which is sound can be loaded. Identity is given on, if there was one.
func thenLoad(c *cli.Context, dir string) func(*summary.Summary, error) []string {
	return func(s *summary.Summary, err error) []string {
		if err != nil {
			return nil
		}
		return []string{command.Next(c, "kvload load", identityOnly, "--uri", "redis://TARGET:6666", "--in", dir)}
	}
}

// thenCheck tells that a dump can be checked.
func thenCheck(c *cli.Context, dir string) func(*summary.Summary, error) []string {
	return func(s *summary.Summary, err error) []string {
		if err != nil {
			return nil
		}
		return []string{command.Next(c, "kvload check", identityOnly, dir)}
	}
}

func identityOnly(flag string) bool { return flag == "identity" }
