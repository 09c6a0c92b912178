package main

import (
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/shellword"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

func afterLoad(c *cli.Context, s *summary.Summary, err error) []string {
	if c.String("in") == loadstate.Stream {
		return nil // what was read is not there any more
	}
	switch {
	case s.DryRun && s.Result == summary.Done:
		return []string{command.Next(c, "kvload load", command.But("dry-run"))}
	case s.Result != summary.Refused && slices.ContainsFunc(s.Targets, func(t *summary.Summary) bool { return !t.Finished }),
		len(s.Targets) == 0 && command.IsUnfinished(s, err) && len(s.Files) > 0: // it has a journal
		if c.Bool("resume") {
			return command.Again(c)
		}
		return command.Again(c, "--resume")
	case len(s.Targets) > 0:
		return verifyEach(c, s)
	case s.Instead != nil:
		return command.Instead(c, s)
	case !s.Finished || s.Comparison != nil && s.Comparison.Equal:
		return nil
	case s.Comparison != nil:
		return thenVerify(c, "--report", "differs.jsonl")
	case s.Shard != "":
		return []string{command.Next(c, "kvload finish", command.Of(c, "finish", command.Own...))}
	}
	return thenVerify(c, leftOut(s)...)
}

// thenVerify compares what was loaded; more are flags of its own.
func thenVerify(c *cli.Context, more ...string) []string {
	return []string{command.Next(c, "kvload verify", command.Of(c, "verify", command.Own...), more...)}
}

func afterFollow(c *cli.Context, s *summary.Summary, err error) []string {
	switch {
	case command.IsUnfinished(s, err):
		return command.Again(c)
	case s.DryRun && s.Result == summary.Done:
		return []string{command.Next(c, "kvload load", command.But("dry-run"))}
	case len(s.Targets) > 0, s.Chain == nil:
		return nil
	case s.Instead != nil:
		return command.Instead(c, s)
	case !s.Finished:
		return nil
	case s.Comparison != nil && !s.Comparison.Equal:
		return thenVerify(c, "--report", "differs.jsonl")
	}
	return thenVerify(c) // base and deltas: what lies below a delta that equals may not
}

// verifyEach compares each of several targets that was not compared yet.
func verifyEach(c *cli.Context, s *summary.Summary) (all []string) {
	for i, uri := range c.StringSlice("uri") {
		if i < len(s.Targets) && s.Targets[i].Comparison == nil {
			shown, asks := command.WithoutPassword(uri)
			more := append([]string{"--uri", shown}, leftOut(s.Targets[i])...)
			if asks {
				more = append(more, "--askpass")
			}
			all = append(all, command.Next(c, "kvload verify", command.Of(c, "verify", command.Own...), more...))
		}
	}
	return all
}

// leftOut is the flag of verify that names what a load has left out.
func leftOut(s *summary.Summary) []string {
	for _, l := range s.LeftOut {
		if files := l.Files(); l.Lost && len(files) == 1 { // it takes one
			return []string{"--left-out", files[0]}
		}
	}
	return nil
}

func afterRollback(c *cli.Context, s *summary.Summary, err error) (next []string) {
	switch {
	case s.Result == summary.Refused && s.Instead != nil:
		return command.Instead(c, s, "base", "to")
	case s.Rollback == nil, s.Result == summary.Done && s.Chain != nil && s.Chain.Deltas == 0,
		s.Result == summary.Left && len(s.LeftOut) == 0:
		return nil // nothing was undone, or no list says what is left
	case s.Result == summary.Done:
		keep := command.Of(c, "load", "threads", "break-lock")
		more := slices.Concat(command.Recalled(c), s.Instead, []string{"--dry-run"})
		return []string{command.Next(c, "kvload load", keep, more...)}
	case s.Result == summary.Left: // what others wrote: whether it goes is theirs to say
		for _, file := range s.LeftOut[0].Files() {
			next = append(next, "less "+shellword.Quote(file))
		}
		return next
	}
	return command.Again(c)
}

func afterMerge(c *cli.Context, s *summary.Summary, err error) []string {
	if s.Result == summary.Stopped {
		return command.Again(c)
	}
	return thenCheck(c.String("out"))(c, s, err)
}

// thenLoad tells that a dump which is sound can be loaded.
func thenLoad(dir string) command.After {
	return func(c *cli.Context, s *summary.Summary, err error) []string {
		more := append([]string{"--uri", "redis://TARGET:6666", "--in", dir}, s.LoadFlags("")...)
		return command.Then("kvload load", more...)(c, s, err)
	}
}

// thenCheck tells that a dump can be checked.
func thenCheck(dir string) command.After { return command.Then("kvload check", dir) }
