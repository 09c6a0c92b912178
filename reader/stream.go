package reader

import (
	"context"
	"fmt"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// stream hands over one stream up to the last id that it had at the beginning. Streams do not
// expire on any version (SERVERS.md P13). One that was deleted and made anew between two pieces is
// read anew.
func (w *scan) stream(ctx context.Context, key []byte, lim *adaptiveLimit) error {
	for try := 1; ; try++ {
		handed, err := w.streamPieces(ctx, key, lim)
		if err == nil {
			w.odd = 0
			return nil
		}
		reason, detail := w.whyUnread(ctx, err, askStream)
		switch reason {
		case "":
			return err
		case Changed:
			detail = "made anew each time it was read"
		}
		if handed {
			if err := w.sink.Drop(key, ""); err != nil {
				return err
			}
		}
		if reason != Changed || try == maxTries {
			return w.sink.Skip(key, reason, detail)
		}
	}
}

// askStream asks as streamPieces does.
func askStream(b *resp.Batch, key []byte, n int) {
	b.Add("XRANGE", key, "-", "+", "COUNT", n)
}

// streamPieces hands over the pieces of a stream, or some of them. Behind each it looks whether the
// stream is still the one that it was before the first.
func (w *scan) streamPieces(ctx context.Context, key []byte, lim *adaptiveLimit) (handed bool, err error) {
	r := w.head(format.Stream, key, 0)
	defer func() { w.forget(&w.pieces[0]) }()
	next, last := "-", "+"
	var first format.StreamState
	var length int64
	read := uint64(0) // entries
	for keys := 1; ; keys = 0 {
		if _, err := w.ready(ctx); err != nil {
			return handed, err
		}
		var b resp.Batch
		p, took, err := w.roundTripOrFewer(ctx, &b, &w.pieces[0], keys, &lim.n, func() {
			if keys > 0 {
				b.Add("XINFO", "STREAM", key)
			}
			b.Add("XRANGE", key, next, last, "COUNT", lim.n)
			b.Add("XINFO", "STREAM", key)
		})
		if err != nil {
			return handed, err
		}
		if keys > 0 {
			first, length = readStream(p, key)
		}
		p.Answers("XRANGE", key)
		asked, from := lim.n, p.Offset()
		readEntries(p, r)
		got, size := len(r.Entries), p.Offset()-from
		now, left := readStream(p, key)
		if p.Err() != nil {
			return handed, p.Err()
		}
		lim.saw(got, size)
		lim.lasted(got, took)
		if first.LastID.Compare(now.LastID) > 0 || now.EntriesAdded < first.EntriesAdded || first.MaxDeletedID.Compare(now.MaxDeletedID) > 0 {
			return handed, errChanged
		}
		// Entries that were added after the first XINFO are not for this dump.
		for len(r.Entries) > 0 && r.Entries[len(r.Entries)-1].ID.Compare(first.LastID) > 0 {
			r.Entries = r.Entries[:len(r.Entries)-1]
		}
		if read += uint64(len(r.Entries)); read > first.EntriesAdded { // those of a deleted stream are back (SERVERS.md P13)
			return handed, &ReplyError{Command: "XRANGE", Reply: "more entries than XINFO says were ever added"}
		}
		if got < asked || len(r.Entries) < got || r.Entries[got-1].ID == first.LastID {
			if read == 0 && left == 0 { // no list has it, and XADD begins anew (SERVERS.md P13)
				return handed, errGone
			}
			r.Part |= format.PartLast
			r.State = &first
			err := w.sink.Record(r)
			if err == nil && now == first && left == length && int64(read) < left {
				err = w.sink.Skip(key, Unreadable, fmt.Sprintf("of %d entries, which XINFO counts, XRANGE told %d", left, read))
			}
			return handed, err
		}
		// A range that begins at an id is whole: of one that begins behind it, as "(1-1", Pika
		// counts that id's entry as one of COUNT, and answers one less.
		next, last = r.Entries[got-1].ID.Next().String(), first.LastID.String()
		handed = true
		if err := w.sink.Record(r); err != nil {
			return handed, err
		}
		r.Part, r.Entries = 0, r.Entries[:0]
		w.forget(&w.pieces[0])
	}
}

// readStream takes the reply of XINFO STREAM: names and values in turn. It returns errGone if there
// is none: of a deleted one Pika tells zeros; one without entries still has its last id (SERVERS.md
// P13). The length is what Pika counts, which can be below 0.
func readStream(p *resp.Replies, key []byte) (s format.StreamState, length int64) {
	p.Answers("XINFO STREAM", key)
	if re := p.Refused(); re != nil && re.NoSuchKey() {
		p.Fail(errGone)
	} else if re != nil {
		p.Fail(re)
	}
	found := 0
	for i, n := 0, p.Array(-1); i < n && p.Err() == nil; i += 2 {
		found++
		switch string(p.Bulk()) {
		case "length":
			length = p.Integer()
		case "last-generated-id":
			s.LastID = readStreamID(p)
		case "max-deleted-entry-id":
			s.MaxDeletedID = readStreamID(p)
		case "entries-added":
			s.EntriesAdded = uint64(p.Integer())
		default:
			found--
			p.Skip()
		}
	}
	if found != 4 {
		p.Odd("no length, last-generated-id, max-deleted-entry-id and entries-added")
	} else if s.LastID == (format.StreamID{}) {
		p.Fail(errGone)
	}
	return s, length
}

// readStreamID takes an id: "ms-seq".
func readStreamID(p *resp.Replies) format.StreamID {
	text := p.Bulk()
	id, ok := format.ParseStreamID(string(text))
	if !ok {
		p.Odd("id %s", resp.Quote(text))
	}
	return id
}

// readEntries takes the reply of XRANGE into r.
func readEntries(p *resp.Replies, r *format.Record) {
	for i, n := 0, p.Array(-1); i < n && p.Err() == nil; i++ {
		p.Array(2)
		e := format.Entry{ID: readStreamID(p)}
		if k := len(r.Entries); k > 0 && e.ID.Compare(r.Entries[k-1].ID) <= 0 {
			p.Odd("entry %s out of order", e.ID)
		}
		e.Fields = p.Bulks(nil, 2)
		r.Entries = append(r.Entries, e)
	}
}
