package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/leftout"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
)

const finishDescription = `Ends a load that was divided with --shard: makes sure that every share is done, sums up what they loaded and left
out, and compares the target with the dump, as kvload verify does and with its flags. Give --map-db, --db, --type, --match,
--on-conflict, --hyperloglog, --ttl, --ttl-min and --key-prefix-… as they were given to kvload load, and its --state. Nothing is written to the target.

Exit code 75: shares are missing or not done, and named; 3: all are done, but keys were left out, whose lists are put
together in one file; 4: keys differ. A load without shares is ended in the same way.

EXAMPLES:
   kvload finish --uri redis://10.0.0.9:6666 --in /nfs/pika
   kvload finish --uri redis://10.0.0.9:6666 --in 's3://backups/pika' --state 's3://backups/state' --report differs.jsonl
   kvload finish --uri redis://10.0.0.9:6666 --in /nfs/pika --no-verify`

func finishCommand() *cli.Command {
	env := command.Env("KVLOAD")
	flags := append(verifyFlags(env, stateFlag(env, "where the shares keep their journals, `DIR`, a directory or the URL of a prefix in a bucket (default: as that of kvload load)", "Many machines")),
		&cli.BoolFlag{Name: "no-verify", Usage: "do not compare the target with the dump", EnvVars: env("no-verify")})
	return &cli.Command{
		Name: "finish", Usage: "make sure that all shares of a load are done, and compare",
		UsageText: "kvload finish --uri redis://HOST:6666 --in DIR [options]", Description: finishDescription,
		Flags: flags,
		Action: func(c *cli.Context) error {
			o, err := parseVerify(c, false)
			if err != nil {
				return err
			}
			return finishLoad(c.Context, o, !c.Bool("no-verify"), c.App.Writer, c.App.ErrWriter)
		},
	}
}

// finishLoad is kvload finish.
func finishLoad(ctx context.Context, o verifyOptions, compare bool, out, log io.Writer) error {
	a, rules, err := o.openDump(ctx)
	if err != nil {
		return err
	}
	defer a.Close()
	l, err := openTarget(ctx, o.writer, log)
	if err != nil {
		return err
	}
	root, common, err := o.location().Find(ctx, l.Target().Nodes)
	if err != nil {
		return err
	}
	status, err := loadstate.ReadStatus(ctx, root, common)
	if err != nil {
		return err
	}
	bound := status.Binding()
	if bound == nil {
		return fmt.Errorf("%w: %s holds no journal: no load of this dump into this target is known; give its --state", loadstate.ErrUnfinished, root)
	}
	b := o.binding(a, l)
	b.Settings["--on-exists"] = bound.Settings["--on-exists"]
	if err := b.Check(*bound, root); err != nil {
		return err
	}
	if err := status.Complete(); err != nil {
		return err
	}
	rules.Begin(bound.Now, a.Manifest)
	list, err := status.CollectLeftOut("kvload-"+o.dump[:8]+"-left-out.jsonl", leftout.ListName)
	if err != nil {
		return err
	}
	if list != "" {
		o.left = func() (io.ReadCloser, error) { return os.Open(list) }
	}
	if !compare {
		for _, p := range status.Shards {
			if err := o.presence(l, p.Journal, rules, log).Check(ctx, a, loadstate.AssignUnits(p.Shard, o.units(a)), log); err != nil {
				return err
			}
		}
	}
	s := status.Stats()
	fmt.Fprintln(out, status.Done())
	left := load.Summarize(out, s, cmp.Or(list, "the report of the load"), status.Took())
	if !compare {
		for _, p := range status.Shards {
			r := o.presence(l, p.Journal, rules, log)
			keys, err := r.Sample(a, loadstate.AssignUnits(p.Shard, o.units(a)), max(1, load.LookedChunks/len(status.Shards)), o.left != nil)
			why := p.Journal.Unsure()
			if err == nil && why == "" {
				why, err = r.Missing(ctx, keys, o.left)
			}
			left = errors.Join(err, o.unsure(why), left)
		}
		return left
	}
	return errors.Join(verifyWith(ctx, a, rules, &o, out, log), left)
}
