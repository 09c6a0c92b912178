package loadstate

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A serverState is one of target.Fence, taken apart.
type serverState struct {
	process string // the run id of a Redis
	stream  string // what it replicates, in a cluster
	last    uint64 // the number of the last write
	counts  bool   // that is known
	before  string // the stream before, and the first number that it has not of that
	until   uint64
}

func parseServerState(s string) (p serverState) {
	f := strings.Split(s, " ")
	var err error
	if len(f) < 5 {
		if p.last, err = strconv.ParseUint(s, 10, 64); err != nil {
			p.process = s
		}
		p.counts = err == nil
		return p
	}
	p.process, p.stream, p.before = f[0], f[1], f[3]
	p.last, err = strconv.ParseUint(f[2], 10, 64)
	p.counts = err == nil
	p.until, _ = strconv.ParseUint(f[4], 10, 64) // -1: there was none
	return p
}

// isSuccessor reports whether a Redis replicated the stream of another one before.
func (p *serverState) isSuccessor(of *serverState) bool {
	return of.stream != "" && p.before == of.stream
}

// lost says, of two states of a server, why it may have lost writes in between; empty: it has not.
func lost(addr, was, now string) string {
	from, to := parseServerState(was), parseServerState(now)
	same := from.process == to.process && (from.stream == "" || from.stream == to.stream)
	switch {
	case was == "" || was == now:
		return ""
	case to.isSuccessor(&from) && to.until > from.last: // a failover, or a restart, with all of it
		return ""
	case same && (!from.counts || !to.counts || from.last <= to.last):
		return ""
	case same || to.isSuccessor(&from):
		return fmt.Sprintf("the target %s was restored, or a replica took its place that lagged: it has lost what it had acknowledged", addr)
	case from.process == to.process && strings.Trim(to.before, "0") == "": // its first replica came, or the last went long ago
		return ""
	}
	return fmt.Sprintf("the target %s was restarted, and may have lost what it had acknowledged", addr)
}

// serve compares the states of all masters of a cluster with those that are known.
func serve(d Doubts, now map[string]string, ask func(addr string) string) error {
	known := d.Runs()
	free := slices.DeleteFunc(slices.Collect(maps.Keys(now)), func(addr string) bool { return known[addr] != "" })
	slices.SortFunc(free, func(x, y string) int {
		return cmp.Or(cmp.Compare(parseServerState(now[x]).last, parseServerState(now[y]).last), cmp.Compare(x, y))
	})
	var errs []error
	for _, addr := range slices.Sorted(maps.Keys(known)) {
		state, why := now[addr], ""
		if state == "" {
			var found bool
			if why, found = replaced(addr, known[addr], now, &free); !found {
				state = ask(addr) // it may have no slots any more, and all else as it was
			}
			if state == "" {
				errs = append(errs, d.SetRun(addr, "", true))
			}
		}
		if state != "" {
			if why = lost(addr, known[addr], state); why != "" {
				errs = append(errs, d.SetRun(addr, state, true))
			}
		}
		if why != "" {
			errs = append(errs, d.BeUnsure(why))
		}
	}
	for addr, state := range now {
		if known[addr] == "" {
			errs = append(errs, d.SetRun(addr, state, true))
		}
	}
	return errors.Join(errs...)
}

// replaced says why what took the place of a master may not have all that this had acknowledged;
// empty: it has. Free are masters that are new, in the order of their last writes.
func replaced(addr, state string, now map[string]string, free *[]string) (why string, found bool) {
	was, lagged := parseServerState(state), ""
	for _, by := range slices.Sorted(maps.Keys(now)) {
		if p := parseServerState(now[by]); p.isSuccessor(&was) {
			if p.until > was.last {
				return "", true
			}
			lagged = by
		}
	}
	for i, by := range *free {
		if p := parseServerState(now[by]); was.process == "" && p.process == "" { // no Kvrocks tells whom it followed
			if lagged = by; p.last >= was.last {
				*free = slices.Delete(*free, i, i+1)
				return "", true
			}
		}
	}
	if lagged != "" {
		return fmt.Sprintf("node %s of the target lagged when it took the place of %s: it has lost what that had acknowledged", lagged, addr), true
	}
	return fmt.Sprintf("node %s of the target serves no longer, and none that does is known to have all that it had acknowledged", addr), false
}
