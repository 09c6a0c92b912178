// Package share holds the old names of package shard. It goes when nothing uses them.
package share

import "github.com/pika2kvrocks/pika2kvrocks/internal/shard"

// A Share is a shard.
type Share = shard.Shard

// Max bounds how many there are.
const Max = shard.Max

// Variables of schedulers.
const (
	KubernetesIndex = shard.KubernetesIndex
	SlurmIndex      = shard.SlurmIndex
	SlurmFirst      = shard.SlurmFirst
	SlurmCount      = shard.SlurmCount
)

// Parse reads I/N.
var Parse = shard.Parse
