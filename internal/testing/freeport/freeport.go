// Package freeport finds ports for the servers that tests and benchmarks start.
package freeport

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
)

// Ports are taken from below those that kernels give to connections (from 32768 on Linux, 49152
// elsewhere): one of these could be given away between the moment it is found free and the one at
// which the server listens. Nodes of a Redis cluster also take the port that is 10,000 higher.
const first, count = 12_000, 10_000

// next is the port to try next. Processes that run at once begin at different ones.
var next atomic.Uint32

func init() { next.Store(rand.Uint32N(count)) }

// Addr returns an address, 127.0.0.1:port, on which nobody listens. No two calls of a process
// return the same one soon after each other. It panics where none is free.
func Addr() string {
	for range count {
		addr := fmt.Sprintf("127.0.0.1:%d", first+next.Add(1)%count)
		// To listen and to close would not do: a process that is forked just then keeps the port
		// until it execs.
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return addr
		}
		_ = c.Close()
	}
	panic(fmt.Sprintf("no port from %d to %d of 127.0.0.1 is free", first, first+count-1))
}
