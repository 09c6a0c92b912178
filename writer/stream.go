package writer

import (
	"context"
	"fmt"
	"strconv"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// queueStream sends an XADD with its id for each entry, and behind the last part what
// the stream knows beside them. The ids keep the order: entries are not waited for.
func (w *Worker) queueStream(ctx context.Context, k *key, r *format.Record) error {
	for i := range r.Entries {
		if err := w.queueEntry(ctx, k, &r.Entries[i]); err != nil || k.out != alive {
			return err
		}
	}
	if r.State == nil {
		return nil
	}
	if k.queued == 0 {
		if err := w.queueEmptyStream(ctx, k, r.State); err != nil || k.out != alive {
			return err
		}
	}
	ok, err := w.ready(ctx, k, len(k.name)+12*argOverhead)
	if !ok || err != nil {
		return err
	}
	w.batch.begin("XSETID")
	w.batch.name(k)
	w.id(r.State.LastID)
	w.batch.word("ENTRIESADDED")
	w.unsigned(r.State.EntriesAdded)
	w.batch.word("MAXDELETEDID")
	w.id(r.State.MaxDeletedID)
	w.batch.end(command{key: k, want: wantOK, data: true})
	w.expireAfter(k)
	return nil
}

func (w *Worker) queueEntry(ctx context.Context, k *key, e *format.Entry) error {
	if reply := w.entryLimit(e); reply != "" {
		w.dirty = true
		w.leaveMember(k, []byte(e.ID.String()), "XADD", reply)
		return nil
	}
	if k.skip > 0 {
		w.dirty = true
		k.skip--
		w.found(k, 1, e.Fields)
		if k.skip == 0 && e.ID != k.last {
			return w.stop(&command{name: "XADD", key: k}, "", unequal(fmt.Errorf("the stream ends with entry %s, not %s", k.last, e.ID)))
		}
		return nil
	}
	c := command{key: k, want: wantID, id: e.ID, data: true, elements: 1}
	size := len(k.name) + 4*argOverhead
	for _, f := range e.Fields {
		c.bytes += len(f)
		size += len(f) + argOverhead
	}
	ok, err := w.ready(ctx, k, size)
	if !ok || err != nil {
		return err
	}
	if k.queued == 0 {
		c.bytes += len(k.name)
	}
	w.batch.begin("XADD")
	w.batch.name(k)
	w.id(e.ID)
	for _, f := range e.Fields {
		w.batch.bytes(f)
	}
	w.batch.end(c)
	w.expireAfter(k)
	return nil
}

// entryLimit says why no server would take e.
func (w *Worker) entryLimit(e *format.Entry) string {
	if len(e.Fields) == 0 {
		return "an entry without fields: XADD takes none"
	}
	if len(e.Fields)+3 > maxArguments {
		return fmt.Sprintf("an entry of %d fields: a command takes at most %d arguments", len(e.Fields)/2, maxArguments)
	}
	for _, f := range e.Fields {
		if w.tooLong(f) {
			return w.limitText("field or value", len(f))
		}
	}
	return ""
}

// queueEmptyStream makes a stream without entries, where XSETID does not (SERVERS.md K11).
func (w *Worker) queueEmptyStream(ctx context.Context, k *key, state *format.StreamState) error {
	t := &w.loader.target
	if t.Server == kvrocks && state.EntriesAdded != 0 && state.MaxDeletedID != (format.StreamID{}) {
		return nil
	}
	ok, err := w.ready(ctx, k, 2*len(k.name)+12*argOverhead)
	if !ok || err != nil {
		return err
	}
	if t.Server == kvrocks && t.atLeast(2, 10) {
		w.batch.begin("XGROUP")
		w.batch.word("CREATE")
		w.batch.name(k)
		w.batch.word(passingGroup)
		w.batch.word("0")
		w.batch.word("MKSTREAM")
		w.batch.end(command{key: k, want: wantOK, data: true, bytes: len(k.name)})
		w.batch.begin("XGROUP")
		w.batch.word("DESTROY")
		w.batch.name(k)
		w.batch.word(passingGroup)
		w.batch.end(command{key: k, want: wantCount, n: 1})
		w.expireAfter(k)
		return nil
	}
	last := state.LastID
	if last == (format.StreamID{}) {
		last.Seq = 1 // 0-0 is no id for XADD
	}
	w.batch.begin("XADD")
	w.batch.name(k)
	w.batch.word("MAXLEN")
	w.batch.word("0")
	w.id(last)
	w.batch.word("x")
	w.batch.word("y")
	w.batch.end(command{key: k, want: wantID, id: last, data: true, bytes: len(k.name)})
	w.expireAfter(k)
	return nil
}

// passingGroup is the consumer group with which an empty stream is made and which is
// then destroyed.
const passingGroup = "kvload"

// id adds an id.
func (w *Worker) id(id format.StreamID) {
	w.score = strconv.AppendUint(w.score[:0], id.Ms, 10)
	w.score = append(w.score, '-')
	w.score = strconv.AppendUint(w.score, id.Seq, 10)
	w.batch.bytes(w.score)
}

// unsigned adds a number that may be above what an int64 holds.
func (w *Worker) unsigned(n uint64) {
	w.score = strconv.AppendUint(w.score[:0], n, 10)
	w.batch.bytes(w.score)
}
