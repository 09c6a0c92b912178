package pikasim

import "time"

// Options says what server to be. The zero value is a Pika 3.5.5 with one
// database on a free port of 127.0.0.1.
type Options struct {
	// Version is the release to answer as; default V355.
	Version Version
	// Addr is the address to listen on; default 127.0.0.1:0.
	Addr string
	// Databases is how many databases there are, 1 to 8; default 1.
	Databases int
	// Password is requirepass; default none.
	Password string
	// Clock is the time for expiry, TIME and INFO; default time.Now.
	// It is called from many goroutines.
	Clock func() time.Time
	// Config overrides what CONFIG GET answers, by parameter name, and adds
	// parameters the version does not know.
	Config map[string]string
	// Replica makes the server call itself a slave and refuse writes, until SLAVEOF NO ONE.
	Replica bool
	// Replication opens the replication port, 2000 above the one of Addr, and keeps the binlog for
	// it in memory.
	Replication bool
	// ReplicaSilence is how long a replica may say nothing until it is dropped; default 20 s.
	ReplicaSilence time.Duration
	// Unlisted, if set, reports names that PKSCANRANGE and SCAN leave out, though they are there
	// and counted.
	Unlisted func(name string) bool
	// Intercept, if set, is called before each command, from the goroutine
	// of its connection. With handled the reply is sent as it is and the
	// command does not run; with closeConn the connection is cut after it.
	Intercept func(db int, args [][]byte) (reply []byte, handled, closeConn bool)
}
