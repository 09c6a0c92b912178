package writer

import (
	"context"
	"fmt"
	"strconv"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// addStream sends an XADD with its id for each entry, and behind the last part what
// the stream knows beside them. The ids keep the order: entries are not waited for.
func (q *queue) addStream(ctx context.Context, k *key, r *format.Record) error {
	for i := range r.Entries {
		if err := q.addEntry(ctx, k, &r.Entries[i]); err != nil || k.out != alive {
			return err
		}
	}
	if r.State == nil {
		return nil
	}
	if k.queued == 0 {
		if err := q.addEmptyStream(ctx, k, r.State); err != nil || k.out != alive {
			return err
		}
	}
	ok, err := q.ready(ctx, k, len(k.name)+12*argOverhead)
	if !ok || err != nil {
		return err
	}
	q.batch.request(command{key: k, want: wantOK, data: true}, "XSETID", k.name, r.State.LastID.String(),
		"ENTRIESADDED", strconv.FormatUint(r.State.EntriesAdded, 10), "MAXDELETEDID", r.State.Deleted().String())
	q.expireAfter(k)
	return nil
}

func (q *queue) addEntry(ctx context.Context, k *key, e *format.Entry) error {
	if reply := q.entryLimit(e); reply != "" {
		q.dirty = true
		q.account.leaveMember(k, []byte(e.ID.String()), "XADD", reply)
		return nil
	}
	if k.skip > 0 {
		q.dirty = true
		k.skip--
		q.found(k, 1, e.Fields)
		if k.skip == 0 && e.ID != k.last {
			return stopped(q.account.db, "XADD", k, "", unequal(fmt.Errorf("the stream ends with entry %s, not %s", k.last, e.ID)))
		}
		return nil
	}
	if k.queued > 0 && e.ID.Compare(k.last) <= 0 {
		q.account.leave(k, ReasonRefused, "XADD", fmt.Sprintf("entry %s comes behind %s in the dump", e.ID, k.last))
		return nil
	}
	k.last = e.ID
	c := command{key: k, want: wantID, id: e.ID, data: true, elements: 1}
	size := len(k.name) + 4*argOverhead
	for _, f := range e.Fields {
		c.bytes += len(f)
		size += len(f) + argOverhead
	}
	ok, err := q.ready(ctx, k, size)
	if !ok || err != nil {
		return err
	}
	if k.queued == 0 {
		c.bytes += len(k.name)
	}
	q.batch.begin("XADD")
	q.batch.name(k)
	q.id(e.ID)
	for _, f := range e.Fields {
		q.batch.bytes(f)
	}
	q.batch.end(c)
	q.expireAfter(k)
	return nil
}

// entryLimit says why no server would take e.
func (q *queue) entryLimit(e *format.Entry) string {
	if len(e.Fields) == 0 {
		return "an entry without fields: XADD takes none"
	}
	if len(e.Fields)+3 > maxArguments {
		return fmt.Sprintf("an entry of %d fields: a command takes at most %d arguments", len(e.Fields)/2, maxArguments)
	}
	for _, f := range e.Fields {
		if q.tooLong(f) {
			return q.target.LimitText("field or value", len(f))
		}
	}
	return ""
}

// addEmptyStream makes a stream without entries, where XSETID does not (SERVERS.md K11).
func (q *queue) addEmptyStream(ctx context.Context, k *key, state *format.StreamState) error {
	t := &q.target.Info
	if t.IsKvrocks() && state.EntriesAdded != 0 && state.Deleted() != (format.StreamID{}) {
		return nil
	}
	ok, err := q.ready(ctx, k, 2*len(k.name)+12*argOverhead)
	if !ok || err != nil {
		return err
	}
	if t.IsKvrocks() && t.AtLeast(2, 10) {
		made := command{key: k, want: wantOK, data: true, bytes: len(k.name)}
		q.batch.request(made, "XGROUP", "CREATE", k.name, target.PassingGroup, "0", "MKSTREAM")
		q.batch.request(command{key: k, want: wantCount, n: 1}, "XGROUP", "DESTROY", k.name, target.PassingGroup)
		q.expireAfter(k)
		return nil
	}
	last := state.LastID
	if last == (format.StreamID{}) {
		last.Seq = 1 // 0-0 is no id for XADD
	}
	made := command{key: k, want: wantID, id: last, data: true, bytes: len(k.name)}
	q.batch.request(made, "XADD", k.name, "MAXLEN", "0", last.String(), "x", "y")
	q.expireAfter(k)
	return nil
}

func (q *queue) id(id format.StreamID) {
	q.score = strconv.AppendUint(q.score[:0], id.Ms, 10)
	q.score = append(q.score, '-')
	q.score = strconv.AppendUint(q.score, id.Seq, 10)
	q.batch.bytes(q.score)
}
