package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"time"
)

// Of the writer: connections, and how often each sends its share.
const (
	writers   = 4
	writeTick = 10 * time.Millisecond
)

// written is what the writer tells when it ends.
type written struct {
	Commands int
	Began    time.Time
	Ended    time.Time
}

// rate returns commands a second.
func (w written) rate() float64 { return float64(w.Commands) / w.Ended.Sub(w.Began).Seconds() }

// write is the role that changes a server as redis-benchmark -t set -r KEYS -d 100 does, at a
// rate: ADDR RATE SECONDS KEYS. What a busy server did not take in time is sent later, up to a
// second's worth.
func write(ctx context.Context, args []string) error {
	var perSecond, lasts, keys int
	if _, err := fmt.Sscan(strings.Join(args[1:], " "), &perSecond, &lasts, &keys); err != nil {
		return err
	}
	began := time.Now()
	counts := make([]int, writers)
	err := overEach(ctx, args[0], writers, func(i int, c net.Conn) (err error) {
		counts[i], err = writeAt(c, rand.New(rand.NewPCG(uint64(began.UnixNano()), uint64(i))), float64(perSecond)/writers, time.Duration(lasts)*time.Second, keys)
		return err
	})
	if err != nil {
		return err
	}
	all := written{Began: began, Ended: time.Now()}
	for _, n := range counts {
		all.Commands += n
	}
	return json.NewEncoder(os.Stdout).Encode(all)
}

// writeAt writes over one connection, a pipeline every tick.
func writeAt(c net.Conn, rnd *rand.Rand, perSecond float64, duration time.Duration, keys int) (sent int, err error) {
	value := strings.Repeat("x", 80)
	r := bufio.NewReader(c)
	var buf []byte
	tick := time.NewTicker(writeTick)
	defer tick.Stop()
	began := time.Now()
	for due := 0.0; ; <-tick.C {
		passed := time.Since(began)
		if passed >= duration {
			return sent, nil
		}
		due = max(due, perSecond*(passed.Seconds()-1)) // what is more than a second late is never sent
		n := int(min(perSecond*passed.Seconds()-due, perSecond/10))
		buf = buf[:0]
		for range n {
			buf = appendCommand(buf, []string{"SET", fmt.Sprintf("key:%012d", rnd.IntN(keys)), fmt.Sprintf("%020d%s", rnd.Uint64(), value)})
		}
		if _, err := c.Write(buf); err != nil {
			return sent, err
		}
		for range n {
			if failed, err := skipReply(r); err != nil || failed {
				return sent, fmt.Errorf("a SET was refused, or the connection lost: %w", err)
			}
		}
		sent, due = sent+n, due+float64(n)
	}
}
