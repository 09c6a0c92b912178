package main

import (
	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/share"
)

// shareFlags are the flags by which a share is chosen.
func shareFlags(env func(string) []string) []cli.Flag {
	const many = "Many machines"
	return []cli.Flag{
		&cli.StringFlag{Name: "shard", Usage: "only shard `I/N` of the dump, I from 0 to N-1 (0/1: all of it); all shards have the same --state", EnvVars: env("shard"), Category: many},
		&cli.IntFlag{Name: "shards", Usage: "only one of `N` shards, which the scheduler names: " + share.KubernetesIndex + " (Kubernetes) or " + share.SlurmIndex + " (Slurm, N also from " + share.SlurmCount + ")", EnvVars: env("shards"), Category: many},
	}
}

// shareFromFlags reads --shard and --shards, and what schedulers say in the environment.
func shareFromFlags(c *cli.Context, getenv func(string) string) (share.Share, error) {
	return parseShare(c.String("shard"), c.Int("shards"), c.IsSet("shards"), getenv)
}

func parseShare(text string, shards int, isSet bool, getenv func(string) string) (share.Share, error) {
	if isSet && (shards < 1 || shards > share.Max) {
		return share.Share{}, command.Usage("--shards %d: it is between 1 and %d", shards, share.Max)
	}
	return share.Parse(text, shards, "--shards (KVLOAD_SHARDS)", getenv)
}
