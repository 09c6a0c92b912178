package main

import (
	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/shard"
)

// shardFlags are the flags by which a shard is chosen.
func shardFlags() []cli.Flag {
	const many = "Shards"
	return []cli.Flag{
		&cli.StringFlag{Name: "shard", Usage: "only shard `I/N` of the dump, I from 0 to N-1 (0/1: all of it); all shards have the same --state", Category: many},
		&cli.IntFlag{Name: "shards", Usage: "only one of `N` shards, which the scheduler names: " + shard.KubernetesIndex + " (Kubernetes) or " + shard.SlurmIndex + " (Slurm, N also from " + shard.SlurmCount + ")", Category: many},
	}
}

// shardFromFlags reads --shard and --shards, and what schedulers say in the environment.
func shardFromFlags(c *cli.Context, getenv func(string) string) (shard.Shard, error) {
	return parseShard(c.String("shard"), c.Int("shards"), c.IsSet("shards"), getenv)
}

func parseShard(text string, shards int, isSet bool, getenv func(string) string) (shard.Shard, error) {
	if isSet && (shards < 1 || shards > shard.Max) {
		return shard.Shard{}, exitcode.Usagef("--shards %d: it is between 1 and %d", shards, shard.Max)
	}
	return shard.Parse(text, shards, "--shards (KVLOAD_SHARDS)", getenv)
}
