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
	flags := append(without(verifyFlags(), "shard", "shards", "state"),
		&cli.StringFlag{Name: "state", Usage: "where the shares keep their journals, `DIR`, a directory or the URL of a prefix in a bucket (default: as that of kvload load)", EnvVars: env("state"), Category: "Many machines"},
		&cli.BoolFlag{Name: "no-verify", Usage: "do not compare the target with the dump", EnvVars: env("no-verify")})
	return &cli.Command{
		Name: "finish", Usage: "make sure that all shares of a load are done, and compare",
		UsageText: "kvload finish --uri redis://HOST:6666 --in DIR [options]", Description: finishDescription,
		Flags: flags,
		Action: func(c *cli.Context) error {
			o, err := parseVerify(c)
			if err != nil {
				return err
			}
			return finishLoad(c.Context, o, !c.Bool("no-verify"), c.App.Writer, c.App.ErrWriter)
		},
	}
}

// finishLoad is kvload finish.
func finishLoad(ctx context.Context, o verifyOptions, compare bool, out, log io.Writer) error {
	a, cs, err := o.openDump(ctx)
	if err != nil {
		return err
	}
	defer a.Close()
	l, err := openTarget(ctx, &o.loadOptions, log)
	if err != nil {
		return err
	}
	root, jt, err := o.findState(ctx, l.Target().Nodes)
	if err != nil {
		return err
	}
	e, err := readEnding(ctx, root, jt)
	if err != nil {
		return err
	}
	bound := e.bound()
	if bound == nil {
		return fmt.Errorf("%w: %s holds no journal: no load of this dump into this target is known; give its --state", errUnfinished, root)
	}
	b := o.binding(a, l)
	b.Settings["--on-exists"] = bound.Settings["--on-exists"]
	if err := b.Check(*bound, root); err != nil {
		return err
	}
	if err := e.complete(); err != nil {
		return err
	}
	o.ttl.begin(bound.Now, a.Manifest)
	list, err := e.collect("kvload-" + o.dump[:8] + "-left-out.jsonl")
	if err != nil {
		return err
	}
	if list != "" {
		o.left = func() (io.ReadCloser, error) { return os.Open(list) }
	}
	if !compare {
		for _, p := range e.parts {
			if err := (&remainder{&o.loadOptions, l, p.j, cs, o.again(log)}).mustBeThere(ctx, a, take(p.Share, o.units(a)), log); err != nil {
				return err
			}
		}
	}
	s := e.stats()
	fmt.Fprintf(out, "%s done\n", e.what())
	left := summarize(out, s, cmp.Or(list, "the report of the load"), e.took())
	if !compare {
		for _, p := range e.parts {
			r := &remainder{&o.loadOptions, l, p.j, cs, o.again(log)}
			keys, err := r.sample(a, take(p.Share, o.units(a)), max(1, lookedChunks/len(e.parts)), o.left != nil)
			why := p.j.Unsure()
			if err == nil && why == "" {
				why, err = r.vanished(ctx, keys, o.left)
			}
			left = errors.Join(err, o.unsure(why), left)
		}
		return left
	}
	return errors.Join(verifyWith(ctx, a, cs, &o, out, log), left)
}
