package binlog

import (
	"cmp"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// Options say which master is followed, and from where.
type Options struct {
	// Addr is host:port of the replication port, see [ReplicationAddr].
	Addr string
	// Node is host:port by which the master knows this replica. Nobody needs to listen there.
	// Empty: the own address of the connection. Two sessions of one name take items away from each
	// other (docs/SERVERS.md P17), so leave it empty unless the master must see a certain address.
	Node string
	// Password is the requirepass of the master.
	Password string
	// From has a position for each database that is followed.
	From []format.BinlogPosition

	DialTimeout time.Duration // default 5s
	// Timeout is how long a reply, or any sign of life, is waited for: an idle master pings every
	// two seconds, and forgets a replica that it has not heard of for 20. Default 15s.
	Timeout time.Duration
	// Wait is how long a connection is retried while the master still has a replica of the name
	// Node. Default 60s.
	Wait time.Duration
	// MaxNames limits the memory for the names of a single item, in bytes. Default 64 MiB.
	MaxNames int
}

// ReplicationAddr returns where the server at addr, host:port, takes its replicas.
func ReplicationAddr(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n+replicationShift > 65535 {
		return "", fmt.Errorf("port %s: replicas connect to the port that is higher by %d, and there is none", port, replicationShift)
	}
	return net.JoinHostPort(host, strconv.FormatUint(n+replicationShift, 10)), nil
}

// replicationShift is between the port of a Pika and the one for its replicas (SERVERS.md P17).
const replicationShift = 2000

// withDefaults checks the options and fills in what was left out.
func (o Options) withDefaults() (Options, error) {
	o.DialTimeout = cmp.Or(o.DialTimeout, 5*time.Second)
	o.Timeout = cmp.Or(o.Timeout, 15*time.Second)
	o.Wait = cmp.Or(o.Wait, time.Minute)
	o.MaxNames = cmp.Or(o.MaxNames, 64<<20)
	if len(o.From) == 0 {
		return o, fmt.Errorf("follow the binlog of %s: no database is named", o.Addr)
	}
	seen := map[int]bool{}
	for _, p := range o.From {
		if p.File < 0 || p.File > maxFile || p.Offset < 0 || p.DB < 0 || seen[p.DB] {
			return o, fmt.Errorf("follow the binlog of %s: %s is no position, or the second of its database", o.Addr, place(p))
		}
		seen[p.DB] = true
	}
	if o.Node != "" {
		if _, _, err := splitNode(o.Node); err != nil {
			return o, err
		}
	}
	return o, nil
}

func splitNode(s string) (string, uint64, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return host, n, err
}
