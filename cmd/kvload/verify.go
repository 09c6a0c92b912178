package main

import (
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/sample"
	"github.com/pika2kvrocks/pika2kvrocks/internal/verifytarget"
)

const verifyDescription = `Reads the target and compares type, value and expiry of every key of the dump with it, element by
element, large keys in pieces. Nothing is written. Give --map-db, --db, --type, --match, --on-conflict, --hyperloglog, --ttl,
--ttl-min and --key-prefix-… as they were given to kvload load. When that load began, by which --ttl shift and --ttl-min
go, is read from its journal (--state).

What differs is one of: missing, type, value, missing elements, extra elements, expiry differs, and with
--reverse not in the dump; exit code 4. Shown, but no differences, are: keys that have expired since the dump,
expiries that the server rounds (Kvrocks before 2.9 keeps seconds), losers of name conflicts, keys that --on-conflict suffix
has renamed, and what the load has left out: hyperloglogs, scores that the server refuses, keys without --key-prefix-strip
or below --ttl-min, and what --left-out lists.

A second round reads again what differed in the first: what was changed just while it was read is no
difference. --reverse looks up every name on the target in the dump. A Kvrocks lists names in order, and it costs one
more reading of the dump; a Redis does not, and it costs up to one reading for every 8 MiB of names.
With --key-prefix-add it looks only at names that begin so.

A connection that is lost is made again, and what was not answered is asked again, until nothing was compared for
--retry-for; but for the list of names of --reverse.

EXAMPLES:
   kvload verify --uri redis://10.0.0.9:6666 --in /backup/pika
   kvload verify --uri redis://10.0.0.9:6666 --in /backup/pika --reverse --report differs.jsonl
   kvload verify --uri redis://10.0.0.9:6666 --in /backup/pika --sample 1%
   kvload verify --uri redis://10.0.0.9:6666 --in /nfs/pika --shard 3/8       # on each of 8 machines another
   kvload verify --uri redis://10.0.0.9:6666 --in dump --left-out dump.load/10.0.0.9_6666/left-out-20260102T030405.678.jsonl`

// verifyFlags are the flags of verify, which finish has as well; state is the one of --state.
func verifyFlags(env func(string) []string, state cli.Flag) []cli.Flag {
	const how = "How"
	return slices.Concat(
		dumpFlags(env, "compare with the dump in `DIR`, a directory or the URL of a prefix in a bucket"),
		targetFlags(env), rewriteFlags(env),
		runFlags(env, "connections that read at once", "try again what may pass by itself, until so long nothing was compared; 0 not at all"),
		[]cli.Flag{
			state,
			&cli.StringFlag{Name: "report", Usage: "list what differs, and what is explained, as JSON lines in `FILE`", EnvVars: env("report")},
			&cli.StringFlag{Name: "left-out", Usage: "the report of kvload load, `FILE`: what it lists is no difference", EnvVars: env("left-out"), Category: categoryWhat},
			&cli.StringFlag{Name: "sample", Usage: "only this share of the keys, as 1%: chosen by their names, the same each time", EnvVars: env("sample"), Category: categoryWhat},
			&cli.BoolFlag{Name: "keys-only", Usage: "compare type, length and expiry, not the elements", EnvVars: env("keys-only"), Category: how},
			&cli.BoolFlag{Name: "reverse", Usage: "find the keys that only the target has, too", EnvVars: env("reverse"), Category: how},
			&cli.IntFlag{Name: "rounds", Value: 2, Usage: "readings: each behind the first reads again what differed in the one before", EnvVars: env("rounds"), Category: how},
		})
}

func verifyCommand() *cli.Command {
	env := command.Env("KVLOAD")
	return &cli.Command{
		Name: "verify", Usage: "compare a target with a dump",
		UsageText: "kvload verify --uri redis://HOST:6666 --in DIR [options]", Description: verifyDescription,
		Flags: append(verifyFlags(env, stateFlag(env, "with --ttl shift or --ttl-min: where the load keeps its journal, `DIR` (default: DUMP.load/HOST_PORT, beside the dump)", categoryWhat)), shareFlags(env)...),
		Action: func(c *cli.Context) error {
			o, err := parseVerify(c, true)
			if err != nil {
				return err
			}
			return verifytarget.Run(c.Context, o, c.App.Writer, c.App.ErrWriter)
		},
	}
}

// parseVerify reads the flags of verify and of finish. Shards says whether the command has --shard.
func parseVerify(c *cli.Context, shards bool) (o verifytarget.Options, err error) {
	spec, err := parseOne(c, shards)
	if err != nil {
		return o, err
	}
	o = verifytarget.Options{
		Spec: spec, Report: c.String("report"), LeftOut: c.String("left-out"), KeysOnly: c.Bool("keys-only"), Reverse: c.Bool("reverse"), Rounds: c.Int("rounds"),
	}
	if o.Reverse && !o.Shard.IsAll() {
		return o, command.Usage("--reverse does not go with --shard: the keys of the other shares are not in this one; give it to a kvload verify, or kvload finish, of the whole dump")
	}
	if o.Rounds < 1 || o.Rounds > 100 {
		return o, command.Usage("--rounds %d: it is between 1 and 100", o.Rounds)
	}
	if s := c.String("sample"); s != "" {
		if o.Sample, err = sample.Parse(s); err != nil {
			return o, command.Usage("--sample: %w", err)
		}
	}
	return o, nil
}
