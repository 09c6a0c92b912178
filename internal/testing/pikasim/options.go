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

// Version is the release whose behaviour is answered.
type Version string

// The versions simulated. Of 2.3.6, 3.0.2 and 3.0.3 there are no transcripts: they answer as 3.4.0
// does but for what the source code of those versions showed to be different, which is in
// early.go. V400 is V401 with expiry stored in seconds and a
// PTTL that answers seconds; both call themselves 4.0.0.
const (
	V236 Version = "2.3.6"
	V302 Version = "3.0.2"
	V303 Version = "3.0.3"
	V340 Version = "3.4.0"
	V355 Version = "3.5.5"
	V400 Version = "4.0.0"
	V401 Version = "4.0.1"
)

// oneType tells whether a name holds one value, not one of each type.
func (v Version) oneType() bool { return v == V400 || v == V401 }

// old tells whether a version is before 3.5.
func (v Version) old() bool { return v == V340 || v.early() }

// early tells whether there is one keyspace, whatever SELECT says: before 3.1.
func (v Version) early() bool { return v == V236 || v == V302 || v == V303 }

// perSecond is the number of ticks in a second.
func (v Version) perSecond() int64 {
	if v == V401 {
		return 1000
	}
	return 1
}

// ticks makes ticks of seconds or milliseconds.
func (v Version) ticks(n int64, milli bool) int64 {
	switch {
	case v == V401 && !milli:
		return n * 1000
	case v != V401 && milli:
		return n / 1000
	}
	return n
}

// removeSettings removes the parameters that came after a version.
func (v Version) removeSettings(values map[string]string) {
	if !v.early() {
		return
	}
	for _, name := range []string{"databases", "instance-mode", "max-client-response-size"} {
		delete(values, name)
	}
	if v == V236 {
		delete(values, "thread-pool-size")
		delete(values, "write-binlog")
	}
}
