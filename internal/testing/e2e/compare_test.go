package e2e

import (
	"fmt"
	"math"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// difference tells the first difference between a key and what a target answered; empty if
// there is none. Lists and streams have an order, others have not.
func difference(r *record, reply any, kvrocks bool) string {
	if r.Kind == format.String {
		if got, ok := reply.(string); !ok || got != string(r.Value) {
			return fmt.Sprintf("%.80q, want %.80q", reply, r.Value)
		}
		return ""
	}
	list, ok := reply.([]any)
	if !ok {
		return fmt.Sprintf("%T, want an array", reply)
	}
	if r.Kind == format.Stream {
		return entriesDifference(r.Entries, list, kvrocks)
	}
	got := make([]string, len(list))
	for i := range list {
		if got[i], ok = list[i].(string); !ok {
			return fmt.Sprintf("element %d is %v", i, list[i])
		}
	}
	switch r.Kind {
	case format.List:
		return sequenceDifference(r.Elems, got)
	case format.Hash:
		want := map[string]string{}
		for i := 0; i < len(r.Elems); i += 2 {
			want[string(r.Elems[i])] = string(r.Elems[i+1])
		}
		return pairsDifference(want, got, func(value string) string { return value })
	case format.Zset:
		want := map[string]string{}
		for i, member := range r.Elems {
			want[string(member)] = scoreBits(r.Scores[i])
		}
		return pairsDifference(want, got, scoreTextBits)
	}
	return membersDifference(r.Elems, got)
}

func sequenceDifference(want [][]byte, got []string) string {
	if len(got) != len(want) {
		return fmt.Sprintf("%d elements", len(got))
	}
	for i := range want {
		if got[i] != string(want[i]) {
			return fmt.Sprintf("element %d is %.80q, want %.80q", i, got[i], want[i])
		}
	}
	return ""
}

func membersDifference(want [][]byte, got []string) string {
	there := map[string]bool{}
	for _, member := range got {
		there[member] = true
	}
	for _, member := range want {
		if !there[string(member)] {
			return fmt.Sprintf("%.80q is missing", member)
		}
	}
	if len(got) != len(want) {
		return fmt.Sprintf("%d members", len(got))
	}
	return ""
}

// pairsDifference compares names and values in turn, each value as read makes of it.
func pairsDifference(want map[string]string, got []string, read func(string) string) string {
	for i := 0; i+1 < len(got); i += 2 {
		value, ok := want[got[i]]
		if !ok {
			return fmt.Sprintf("%.80q should not be there", got[i])
		}
		if read(got[i+1]) != value {
			return fmt.Sprintf("%.80q is %.80q, want %.80q", got[i], read(got[i+1]), value)
		}
	}
	if len(got) != 2*len(want) {
		return fmt.Sprintf("%d of %d elements are there", len(got)/2, len(want))
	}
	return ""
}

func scoreBits(f float64) string { return fmt.Sprintf("%v (%016x)", f, math.Float64bits(f)) }

func scoreTextBits(text string) string {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return err.Error()
	}
	return scoreBits(f)
}

// entriesDifference compares the entries of a stream. A Kvrocks up to 2.12 shows empty
// fields and values as nil.
func entriesDifference(want []format.Entry, got []any, kvrocks bool) string {
	if len(got) != len(want) {
		return fmt.Sprintf("%d entries", len(got))
	}
	for i, e := range want {
		pair, ok := got[i].([]any)
		if !ok || len(pair) != 2 || pair[0] != e.ID.String() {
			return fmt.Sprintf("entry %d is %.80v, want %s", i, got[i], e.ID)
		}
		list, _ := pair[1].([]any)
		fields := make([]string, len(list))
		for j := range list {
			if fields[j], ok = list[j].(string); !ok && !(kvrocks && list[j] == nil) {
				return fmt.Sprintf("entry %s: %v", e.ID, list[j])
			}
		}
		if diff := sequenceDifference(e.Fields, fields); diff != "" {
			return fmt.Sprintf("entry %s: %s", e.ID, diff)
		}
	}
	return ""
}

// stateDifference compares what a stream knows beside its entries.
func stateDifference(want *format.StreamState, reply *redis.Cmd) string {
	info, err := reply.Slice()
	if err != nil {
		return err.Error()
	}
	left := map[string]string{
		"last-generated-id":    want.LastID.String(),
		"max-deleted-entry-id": want.Deleted().String(),
		"entries-added":        strconv.FormatUint(want.EntriesAdded, 10),
	}
	for i := 0; i+1 < len(info); i += 2 {
		name := fmt.Sprint(info[i])
		if value, ok := left[name]; ok && value != fmt.Sprint(info[i+1]) {
			return fmt.Sprintf("%s is %v, want %s", name, info[i+1], value)
		}
		delete(left, name)
	}
	if len(left) > 0 {
		return fmt.Sprintf("XINFO STREAM shows no %v", left)
	}
	return ""
}
