package conn

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
	"github.com/pika2kvrocks/pika2kvrocks/internal/retry"
)

// A hop is a call on its way through a cluster.
type hop struct {
	call   *Call
	index  int // of the call
	key    string
	slot   int
	ask    string // the node that an ASK named for it; empty: the owner of the slot
	sentTo string // empty: nobody serves the slot
}

// Waits for a cluster that does not run a command grow from the first to the last, and end after
// followFor: then the caller has to try again, with a new router.
const (
	firstFollow = 10 * time.Millisecond
	lastFollow  = time.Second
	followFor   = 15 * time.Second
)

// follow is Exchange in a cluster: it sends once more what was redirected, in order, until all has
// been run.
func (r *Router) follow(ctx context.Context, e *resp.Encoder, n int, call func(i int) *Call) (failed int, err error) {
	for _, c := range r.nodes {
		r.reset(c)
	}
	hops := make([]hop, n)
	for i := range hops {
		hops[i] = hop{call: call(i), index: i, slot: NoSlot}
		if key, ok := keyOf(e.Arguments(hops[i].call.Request)); ok {
			hops[i].key, hops[i].slot = string(key), slotOf(key)
		}
	}
	err = r.followAll(ctx, e, hops)
	if at, ok := errors.AsType[*hopError](err); ok {
		failed = at.index
	}
	return failed, err
}

func (r *Router) followAll(ctx context.Context, e *resp.Encoder, hops []hop) error {
	began, wait := time.Now(), time.Duration(0)
	for round := 0; ; round++ {
		t := r.cluster.Topology()
		if err := r.send(ctx, t, e, hops); err != nil {
			return err
		}
		again, named, err := r.redirected(hops)
		if err != nil || len(again) == 0 {
			return err
		}
		r.cluster.redirected.Add(int64(len(again)))
		if patience := r.cluster.patience; time.Since(began) > patience {
			return notRun(&again[0], Mark(ErrTransient, fmt.Errorf("the cluster has not run it for %v", patience)))
		}
		if hops = again; named && round < 2 {
			continue // who runs it is known
		}
		wait = min(max(firstFollow, 2*wait), lastFollow)
		if err := retry.Sleep(ctx, wait); err != nil {
			return err
		}
		if _, err := r.cluster.refresh(ctx, t); err != nil {
			return err
		}
	}
}

// redirected returns the hops that were not run, and whether all of their next nodes were named. It
// notes what the cluster said of its slots.
func (r *Router) redirected(hops []hop) (again []hop, named bool, err error) {
	moved := map[int]string{}
	named = true
	for _, h := range hops {
		next := redirection{}
		if h.sentTo != "" {
			if !h.call.Reply.IsError() {
				continue
			}
			ok := false
			if next, ok = parseRedirection(h.call.Reply.Text, h.sentTo); !ok {
				continue
			}
			if next.bad || next.addr == h.sentTo && !next.ask {
				r.drop(h.sentTo) // another server may be behind that address now
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
func (r *Router) overtaken(hops, again []hop) error {
	if !r.ordered {
		return nil
	}
	late := map[string]bool{}
	for i := range hops {
		h := &hops[i]
		if len(again) > 0 && again[0].index == h.index {
			again = again[1:]
			late[h.key] = true
		} else if late[h.key] {
			return notRun(h, Mark(ErrUnequal, errors.New("the cluster ran it before another command of this key: the key must be written anew")))
		}
	}
	return nil
}

// A hopError is why a call did not get where it should in time, or was not answered.
type hopError struct {
	error
	index int // of the call
}

func (e *hopError) Unwrap() error { return e.error }

// notRun is the error for a hop that did not get where it should in time.
func notRun(h *hop, err error) error {
	if h.call.Reply.IsError() {
		err = fmt.Errorf("%w: it answers %s", err, h.call.Reply.Text)
	}
	return &hopError{err, h.index}
}

// A redirection is a reply of a node that did not run a command: somebody else may, or it later.
type redirection struct {
	slot int    // MOVED and ASK
	addr string // who is said to run it; empty: nobody is named
	ask  bool   // only this once, and behind an ASKING
	bad  bool   // the node takes no writes any more: it has become a replica
}

// parseRedirection takes a reply of the node at addr. Kvrocks 2.6 puts an ERR before it (SERVERS.md
// K12).
func parseRedirection(reply, addr string) (r redirection, ok bool) {
	words := strings.Fields(strings.TrimPrefix(reply, "ERR "))
	if len(words) == 0 {
		return r, false
	}
	switch words[0] {
	case "TRYAGAIN", "CLUSTERDOWN":
		return r, true
	case "READONLY":
		r.bad = true
		return r, true
	case "MOVED", "ASK":
	default:
		return r, false
	}
	r.ask = words[0] == "ASK"
	if len(words) < 3 {
		return redirection{}, true
	}
	slot, err := strconv.Atoi(words[1])
	// An IPv6 address stands there without brackets.
	colon := strings.LastIndexByte(words[2], ':')
	if err != nil || slot < 0 || slot >= SlotCount || colon < 0 {
		return redirection{}, true
	}
	port, err := strconv.Atoi(words[2][colon+1:])
	if err != nil || port < 1 || port > 65535 {
		return redirection{}, true
	}
	host := strings.Trim(words[2][:colon], "[]")
	r.slot, r.addr = slot, reachable(host, strconv.Itoa(port), addr)
	return r, true
}
