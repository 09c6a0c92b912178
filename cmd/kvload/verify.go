package main

import (
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/pace"
	"github.com/pika2kvrocks/pika2kvrocks/internal/sample"
	"github.com/pika2kvrocks/pika2kvrocks/internal/verifytarget"
)

const verifyText = `Compares type, value and expiry of every key of the dump with the target,
element by element, large keys in pieces. Nothing is written to the target.
The flags of the load are read from its journal (--state), and need not be
given again, but for a --map-db with namespaces. --db, --type and --match
may choose a part. Without the journal give the flags that the load had.

Differences (exit code 4): missing, type, value, missing elements, extra
elements, expiry differs, and with --reverse not in the dump.

Shown, but no differences: keys that have expired since the dump, expiries
that the server rounds (Kvrocks before 2.9), losers of name conflicts, keys
that --on-conflict suffix renamed, and what the load left out: hyperloglogs,
scores that the server refuses, keys without --key-prefix-strip or below
--ttl-min, and what --left-out lists.

A second round reads again what differed in the first: what changed while it
was read is no difference. --reverse looks up every name on the target in the
dump: about one more reading of the dump on a Kvrocks, up to one for every 8
MiB of names on a Redis. With --key-prefix-add it looks only at names that
begin with it.

--rate-keys, --rate-bytes and --max-latency-factor spare a target that others
use.

Lost connections are retried for --retry-for, except during the list of names
of --reverse.

EXAMPLES:
   kvload verify --uri redis://10.0.0.9:6666 --in /backup/pika
   kvload verify --uri redis://10.0.0.9:6666 --in /backup/pika \
      --reverse --report differs.jsonl
   kvload verify --uri redis://10.0.0.9:6666 --in /backup/pika --sample 1%
   # on each of 8 machines another shard:
   kvload verify --uri redis://10.0.0.9:6666 --in /nfs/pika --shard 3/8`

// verifyFlags are the flags of verify, which finish has as well; state is the one of --state.
func verifyFlags(state cli.Flag) []cli.Flag {
	return slices.Concat(
		targetFlags(), runFlags("connections that read at once"), rateFlags("read"),
		command.CompareFlags(""),
		[]cli.Flag{
			inFlag("compare with the dump, delta or chain in " + command.Dir),
			encryption.IdentityFlag(), baseFlag("where its journal does not say that"), state,
			command.Text("left-out", command.Comparison, "the report of kvload load, `FILE`: "+
				"what it lists is no difference"),
			command.Bool("reverse", command.Comparison, "also find keys that only the target has"),
		})
}

func verifyCommand() *cli.Command {
	return &cli.Command{
		Name: "verify", Usage: "compare a target with a dump",
		UsageText:   "kvload verify --uri redis://HOST:6666 --in DIR [options]",
		Description: verifyText,
		Flags: append(shardFlags(), verifyFlags(command.Text("state", command.Written,
			"where the load keeps its journal, `DIR` (default: DUMP.load/HOST_PORT, beside the "+
				"dump)"))...),
		Action: command.Action(parseVerify, func(c *cli.Context, o verifytarget.Options) error {
			o.Summary = command.Summarize(c, "", command.AfterVerify("differs.jsonl"))
			return verifytarget.Run(c.Context, o, command.Out(c), c.App.ErrWriter)
		}),
	}
}

// parseVerify reads the flags of verify and of finish.
func parseVerify(v *command.Values) verifytarget.Options {
	o := verifytarget.Options{
		Spec: parseOne(v), Report: v.String("report"), LeftOut: v.String("left-out"),
		KeysOnly: v.Bool("keys-only"), Reverse: v.Bool("reverse"), Rounds: v.Int("rounds", 1, 100),
		Limits: command.Get(v, pace.LimitsFromFlags),
	}
	v.Refuse(o.Reverse && !o.Shard.IsAll(), "--reverse does not go with --shard: the keys of the "+
		"other shards are not in this one;"+
		" give it to a kvload verify, or kvload finish, of the whole dump")
	if v.String("sample") != "" {
		o.Sample = command.Parse(v, "sample", sample.Parse)
	}
	return o
}
