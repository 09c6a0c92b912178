package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/freeport"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/redisserver"
)

// A cluster is a target of several nodes. Slots can be moved between its masters.
type cluster struct {
	t     *testing.T
	to    target
	nodes []*node // masters
	// move moves a slot with its keys from one node to another, and tells all of them.
	move func(ctx context.Context, slot int, from, to *node) error
}

// A node is one server of a cluster.
type node struct {
	addr, bus, dir, id string
	client             *redis.Client
	server             *redisserver.Server
}

// eachCluster runs a test with every cluster there is, empty.
func eachCluster(t *testing.T, test func(t *testing.T, c *cluster)) {
	t.Run("to redis", func(t *testing.T) { test(t, startCluster(t)) })
	t.Run("to kvrocks", func(t *testing.T) {
		addr := os.Getenv("KVROCKS_CLUSTER_ADDR")
		if addr == "" {
			t.Skip("NO REAL KVROCKS CLUSTER: set KVROCKS_CLUSTER_ADDR=host:port of one of its nodes to load a real one; it loses its data")
		}
		test(t, kvrocksCluster(t, addr))
	})
}

// startCluster starts a cluster of three redis-servers, which lose nothing when they are killed.
func startCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{t: t}
	c.move = c.moveRedis
	for i := range 3 {
		n := &node{addr: freeport.Addr(), bus: freeport.Addr(), dir: t.TempDir()}
		c.start(n)
		n.client = client(t, n.addr, 0)
		do(t, n.client, "CLUSTER", "ADDSLOTSRANGE", i*16384/3, (i+1)*16384/3-1)
		c.nodes = append(c.nodes, n)
	}
	for _, n := range c.nodes[1:] {
		c.meet(n)
	}
	for _, n := range c.nodes {
		n.id = n.client.ClusterMyID(t.Context()).Val()
		c.await(n, "cluster_state:ok", "cluster_known_nodes:3", "cluster_size:3")
	}
	c.to = target{addr: c.nodes[0].addr, cluster: true}
	return c
}

// meet makes a node known to the first.
func (c *cluster) meet(n *node) {
	c.t.Helper()
	host, port, _ := net.SplitHostPort(n.addr)
	_, bus, _ := net.SplitHostPort(n.bus)
	do(c.t, c.nodes[0].client, "CLUSTER", "MEET", host, port, bus)
}

// replicaOf starts a node that holds what a master holds.
func (c *cluster) replicaOf(master *node) *node {
	c.t.Helper()
	n := &node{addr: freeport.Addr(), bus: freeport.Addr(), dir: c.t.TempDir()}
	c.start(n)
	n.client = client(c.t, n.addr, 0)
	c.meet(n)
	c.await(n, "cluster_state:ok", "cluster_known_nodes:4")
	do(c.t, n.client, "CLUSTER", "REPLICATE", master.id)
	c.awaitInfo(n, "replication", "master_link_status:up")
	for _, other := range c.nodes {
		c.await(other, "cluster_known_nodes:4")
	}
	return n
}

// awaitInfo waits until a section of INFO has a line.
func (c *cluster) awaitInfo(n *node, section, line string) {
	c.t.Helper()
	info := ""
	for range 600 {
		if info, _ = n.client.Info(c.t.Context(), section).Result(); strings.Contains(info, line) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	c.t.Fatalf("node %s: INFO never has %q:\n%s", n.addr, line, info)
}

// start starts the server of a node.
func (c *cluster) start(n *node) {
	c.t.Helper()
	_, bus, _ := net.SplitHostPort(n.bus)
	n.server = redisserver.StartAt(c.t, n.addr, "--dir", n.dir, "--appendonly", "yes", "--appendfsync", "always",
		"--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-node-timeout", "1000", "--zset-max-listpack-entries", "0")
}

// await waits until CLUSTER INFO of a node has these lines.
func (c *cluster) await(n *node, lines ...string) {
	c.t.Helper()
	info := ""
	for range 600 {
		info, _ = n.client.ClusterInfo(c.t.Context()).Result()
		missing := false
		for _, l := range lines {
			missing = missing || !strings.Contains(info, l)
		}
		if !missing {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	c.t.Fatalf("node %s: CLUSTER INFO never has %q:\n%s", n.addr, lines, info)
}

// moveRedis moves a slot as redis-cli does.
func (c *cluster) moveRedis(ctx context.Context, slot int, from, to *node) error {
	host, port, _ := net.SplitHostPort(to.addr)
	if err := to.client.Do(ctx, "CLUSTER", "SETSLOT", slot, "IMPORTING", from.id).Err(); err != nil {
		return err
	}
	if err := from.client.Do(ctx, "CLUSTER", "SETSLOT", slot, "MIGRATING", to.id).Err(); err != nil {
		return err
	}
	for range 3 { // new keys are asked for at the other node meanwhile
		for {
			keys, err := from.client.ClusterGetKeysInSlot(ctx, slot, 5).Result()
			if err != nil {
				return err
			}
			if len(keys) == 0 {
				break
			}
			args := []any{"MIGRATE", host, port, "", 0, 10_000, "KEYS"}
			for _, k := range keys {
				args = append(args, k)
			}
			if err := from.client.Do(ctx, args...).Err(); err != nil {
				return err
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	nodes := []*node{to, from}
	for _, n := range c.nodes {
		if n != to && n != from {
			nodes = append(nodes, n)
		}
	}
	for _, n := range nodes {
		if err := n.client.Do(ctx, "CLUSTER", "SETSLOT", slot, "NODE", to.id).Err(); err != nil {
			return err
		}
	}
	return nil
}

// kvrocksCluster returns the real cluster of which addr is a node. Its nodes must be on this host.
func kvrocksCluster(t *testing.T, addr string) *cluster {
	t.Helper()
	c := &cluster{t: t, to: target{addr: addr, kvrocks: true, cluster: true}}
	c.move = c.moveKvrocks
	nodes, err := client(t, addr, 0).ClusterNodes(t.Context()).Result()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(nodes) { // id host:port@bus flags …
		words := strings.Fields(line)
		if len(words) < 3 || !strings.Contains(words[2], "master") {
			continue
		}
		n := &node{id: words[0]}
		n.addr, _, _ = strings.Cut(words[1], "@")
		n.client = emptied(t, "KVROCKS_CLUSTER_ADDR", n.addr)
		// By commands, which is the default, most migrations of 2.10.1 fail when the slot is
		// written to.
		_ = n.client.ConfigSet(t.Context(), "migrate-type", "raw-key-value").Err() // 2.9 and older have no such thing
		c.nodes = append(c.nodes, n)
	}
	return c
}

// errMigration: a Kvrocks has given a migration up, and the slot stays where it is.
var errMigration = errors.New("the migration failed")

// moveKvrocks moves a slot as the controller does: no node tells another who owns it now.
func (c *cluster) moveKvrocks(ctx context.Context, slot int, from, to *node) error {
	if err := from.client.Do(ctx, "CLUSTERX", "MIGRATE", slot, to.id).Err(); err != nil {
		return err
	}
	for {
		info, err := from.client.ClusterInfo(ctx).Result()
		if err != nil {
			return err
		}
		if strings.Contains(info, "migrating_state: success") {
			break
		}
		if strings.Contains(info, "migrating_state: fail") {
			return errMigration
		}
		time.Sleep(20 * time.Millisecond)
	}
	time.Sleep(200 * time.Millisecond) // MOVED goes before the map here
	version, err := from.client.Do(ctx, "CLUSTERX", "VERSION").Text()
	if err != nil {
		return err
	}
	next, err := strconv.Atoi(version)
	if err != nil {
		return err
	}
	for _, n := range append([]*node{to, from}, c.nodes...) {
		now, err := n.client.Do(ctx, "CLUSTERX", "VERSION").Text()
		if err != nil {
			return err
		}
		if now != version {
			continue // told already
		}
		if err := n.client.Do(ctx, "CLUSTERX", "SETSLOT", slot, "NODE", to.id, next+1).Err(); err != nil {
			return err
		}
	}
	return nil
}

// redirects returns how often the nodes of a Redis cluster have answered MOVED and ASK.
func (c *cluster) redirects() (moved, ask int) {
	c.t.Helper()
	for _, n := range c.nodes {
		info, err := n.client.Info(c.t.Context(), "errorstats").Result()
		if err != nil {
			c.t.Fatal(err)
		}
		for line := range strings.Lines(info) {
			var count int
			if _, err := fmt.Sscanf(line, "errorstat_MOVED:count=%d", &count); err == nil {
				moved += count
			}
			if _, err := fmt.Sscanf(line, "errorstat_ASK:count=%d", &count); err == nil {
				ask += count
			}
		}
	}
	return moved, ask
}

// keys returns how many keys the nodes hold, by listing them.
func (c *cluster) keys() int {
	c.t.Helper()
	n := 0
	for _, node := range c.nodes {
		n += len(scan(c.t, node.client))
	}
	return n
}
