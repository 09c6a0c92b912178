// Package pikasim is an in-process server that answers over TCP as Pika does, a Redis-compatible
// server on RocksDB: the commands a migration reads and a test loads data with, with the replies,
// error texts and oddities of each version as recorded in testdata/transcripts. What only a test
// could do wrong in the arguments of a write it need not say as a real one does.
//
// Start one with Start and stop it with Close. It keeps everything in memory, is a master to
// replicas if asked for (Options.Replication) and never a replica, and never expires a record by
// itself: like Pika it skips the dead ones.
package pikasim

import (
	"cmp"
	"fmt"
	"net"
	"time"
)

// Start listens and serves until Close.
func Start(opt Options) (*Server, error) {
	opt.Version = cmp.Or(opt.Version, V355)
	opt.Addr = cmp.Or(opt.Addr, "127.0.0.1:0")
	opt.Databases = cmp.Or(opt.Databases, 1)
	opt.ReplicaSilence = cmp.Or(opt.ReplicaSilence, replicaSilent)
	if opt.Clock == nil {
		opt.Clock = time.Now
	}
	switch opt.Version {
	case V236, V302, V303, V340, V355, V400, V401:
	default:
		return nil, fmt.Errorf("start simulated pika: unknown version %q", opt.Version)
	}
	listener, replicas, err := listen(opt)
	if err != nil {
		return nil, fmt.Errorf("start simulated pika: %w", err)
	}
	s := &Server{
		opt:     opt,
		clients: port{Listener: listener, conns: map[net.Conn]struct{}{}},
		table:   commands(opt.Version),
		started: opt.Clock(),
		run:     runs.Add(1),
		config:  newConfiguration(opt),
		replica: opt.Replica,
		counts:  map[string]int64{},
	}
	s.master = &master{port: port{Listener: replicas, conns: map[net.Conn]struct{}{}}, server: s, sessions: map[*database]uint64{}}
	for i := range opt.Databases {
		db := newDatabase(fmt.Sprintf("db%d", i), opt.Version)
		db.binlog.keep = opt.Replication
		s.dbs = append(s.dbs, db)
	}
	s.running.Go(func() { s.clients.serve(&s.running, s.serve) })
	if replicas != nil {
		s.running.Go(func() { s.master.port.serve(&s.running, s.master.serve) })
	}
	return s, nil
}
