// Package metrics exposes what a command does to Prometheus: at an address, to a Pushgateway, and
// as a file for node_exporter.
//
//	app.Commands = metrics.Watch(commands, classify, os.Getenv)
//	m, err := command.Meter(c) // in the action of one
//
// All values come from the Meters that the display shows as well. No metric holds the name of a key
// or a password, and nothing here keeps a run from ending, or changes how it ends.
package metrics

import (
	"cmp"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/connect"
	"github.com/pika2kvrocks/pika2kvrocks/internal/shard"
)

// Watch adds flags to the commands that show their progress, and exposes as these say what the
// commands do. Classify is that of command.Main.
func Watch(commands []*cli.Command, classify func(error) int, getenv func(string) string) []*cli.Command {
	for _, c := range commands {
		if has(c, "progress") {
			c.Flags = append(c.Flags, flags()...)
			c.Action = watched(classify, getenv, c.Action)
		}
	}
	return commands
}

func has(c *cli.Command, flag string) bool {
	return slices.ContainsFunc(c.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), flag) })
}

func watched(classify func(error) int, getenv func(string) string, act cli.ActionFunc) cli.ActionFunc {
	return func(c *cli.Context) error {
		o, err := command.Read(c, parse)
		if err != nil {
			return err
		}
		if o == (options{}) {
			return act(c)
		}
		labels, err := labelsOf(c, getenv)
		if err != nil {
			return err
		}
		w, err := start(c, o, labels)
		if err != nil {
			return err
		}
		c.Context = command.WithMeters(c.Context, w.attach)
		err = act(c)
		w.stop(command.Code(c.Context, err, classify))
		return err
	}
}

// labelsOf returns what tells the metrics of a run from those of others on one host, or in one
// Pushgateway: the command, the servers that it talks to, and the shard that it does.
func labelsOf(c *cli.Context, getenv func(string) string) (prometheus.Labels, error) {
	labels := prometheus.Labels{"command": c.Command.Name}
	if has(c.Command, "uri") {
		addrs, err := connect.Addresses(c)
		if err != nil {
			return nil, err
		}
		labels["server"] = strings.Join(addrs, ",")
	}
	if own := cmp.Or(c.String("shard"), getenv(shard.KubernetesIndex), getenv(shard.SlurmIndex)); has(c.Command, "shard") && own != "" {
		labels["shard"] = own
	}
	return labels, nil
}
