package writer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// A hop is a command on its way through a cluster.
type hop struct {
	cmd    redis.Cmder
	slot   int
	ask    string // the node that an ASK named for it; empty: the owner of the slot
	sentTo string // empty: nobody serves the slot
}

// Waits for a cluster that does not run a command grow from the first to the last, and end after followFor: then
// the caller has to try again, with a new route.
const (
	firstFollow = 10 * time.Millisecond
	lastFollow  = time.Second
	followFor   = 15 * time.Second
)

// follow is exec in a cluster: it sends once more what was redirected, in order, until all has been run.
func (r *route) follow(ctx context.Context, cmds []redis.Cmder) error {
	hops := make([]hop, len(cmds))
	for i, c := range cmds {
		hops[i] = hop{cmd: c, slot: noSlot}
		if key, ok := keyOf(c.Args()); ok {
			hops[i].slot = slotOf(key)
		}
	}
	began, wait := time.Now(), time.Duration(0)
	for round := 0; ; round++ {
		t := r.cluster.topology()
		if err := r.send(ctx, t, hops); err != nil {
			return err
		}
		again, named, err := r.redirected(hops)
		if err != nil || len(again) == 0 {
			return err
		}
		r.cluster.redirected.Add(int64(len(again)))
		if patience := r.cluster.patience; time.Since(began) > patience {
			return &strayed{again[0].cmd, &causeError{ErrTransient, fmt.Errorf("the cluster has not run it for %v", patience)}}
		}
		if hops = again; named && round < 2 {
			continue // who runs it is known
		}
		wait = min(max(firstFollow, 2*wait), lastFollow)
		if err := Sleep(ctx, wait); err != nil {
			return err
		}
		if _, err := r.cluster.refresh(ctx, t); err != nil {
			return err
		}
	}
}

// redirected returns the hops that were not run, and whether all of their next nodes were named. It notes what
// the cluster said of its slots.
func (r *route) redirected(hops []hop) (again []hop, named bool, err error) {
	moved := map[int]string{}
	named = true
	for _, h := range hops {
		next := redirection{}
		if h.sentTo != "" {
			reply, ok := errorReply(h.cmd.Err())
			if !ok {
				continue
			}
			if next, ok = parseRedirection(reply, h.sentTo); !ok {
				continue
			}
			if next.bad || next.addr == h.sentTo && !next.ask {
				r.drop(h.sentTo) // go-redis has given the connection up
				next.addr = ""
			}
		}
		h.ask = ""
		switch {
		case next.addr == "":
			named = false
		case next.ask:
			h.ask = next.addr
		default:
			moved[next.slot] = next.addr
		}
		again = append(again, h)
	}
	if len(again) == 0 {
		return nil, false, nil
	}
	for i := range again {
		if _, ok := moved[again[i].slot]; ok {
			again[i].ask = "" // all of a slot go one way
		}
	}
	r.cluster.follow(moved)
	return again, named, r.overtaken(hops, again)
}

// overtaken finds a command that was run though one before it, of the same key, was not.
func (r *route) overtaken(hops, again []hop) error {
	if !r.writes {
		return nil
	}
	late := map[string]bool{}
	for _, h := range hops {
		key, _ := keyOf(h.cmd.Args())
		if len(again) > 0 && again[0].cmd == h.cmd {
			again = again[1:]
			late[string(key)] = true
		} else if late[string(key)] {
			return &strayed{h.cmd, unequal(errors.New("the cluster ran it before another command of this key: the key must be written anew"))}
		}
	}
	return nil
}

// strayed is the error of a command that did not get where it should in time.
type strayed struct {
	cmd redis.Cmder
	err error
}

func (s *strayed) Error() string {
	if reply, ok := errorReply(s.cmd.Err()); ok {
		return s.err.Error() + ": it answers " + reply
	}
	return s.err.Error()
}

func (s *strayed) Unwrap() error { return s.err }
