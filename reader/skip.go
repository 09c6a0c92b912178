package reader

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// A Reason says why a listed key was not handed over.
type Reason string

// The reasons.
const (
	Expired   Reason = "expired"        // its expiry came before it was read: nothing is lost
	Gone      Reason = "gone"           // deleted before it was read, or a name with a NUL, which a 4.0 cannot read
	Retyped   Reason = "retyped"        // of another type when it was read (4.0)
	Changed   Reason = "changed"        // changed each time it was read, so that its pieces did not fit one another
	Duplicate Reason = "duplicate-name" // listed under the name of the key before: its own was cut at a NUL (4.0)
	Internal  Reason = "internal"       // Pika's own bookkeeping for slot migration
	TooLarge  Reason = "too-large"      // an element is above what the format and every target can hold
	Unlisted  Reason = "unlisted"       // streams whose names begin so cannot be listed by the source

	// DeletedOrExpired: which of both cannot be told. By two looks the source does not have it any
	// more.
	DeletedOrExpired Reason = "deleted-or-expired"

	Unreadable Reason = "unreadable" // the source does not answer what can be understood when it is read, but does for others
	// ExpiryUnknown is said of a key behind its records, which have no expiry: TTL spoke of another
	// type of the name (up to 3.5).
	ExpiryUnknown Reason = "expiry-unknown"
)

// whyUnread says why a key was not read whole, if err is of that key alone; else the reason is
// empty.
func (w *scan) whyUnread(ctx context.Context, err error, ask func(b *resp.Batch, key []byte, n int)) (reason Reason, detail string) {
	var re *ReplyError
	switch {
	case errors.Is(err, errChanged):
		return Changed, ""
	case errors.Is(err, errGone):
		return Gone, ""
	case errors.As(err, &re) && re.WrongType():
		return Retyped, re.Reply
	case errors.Is(err, resp.ErrTooLarge): // an element
		return TooLarge, aboveAll
	case re != nil && w.works(ctx, ask):
		return Unreadable, re.Reply
	}
	return "", ""
}

// maxOdd is how many keys in a row can be unreadable, each by itself.
const maxOdd = 1000

// works reports whether other keys of a type can be read. Then a reply that is no answer is a
// matter of its key alone, which must not end a dump.
func (w *scan) works(ctx context.Context, ask func(b *resp.Batch, key []byte, n int)) bool {
	var b resp.Batch
	ask(&b, w.s.probe, 1)
	w.odd++
	return w.odd <= maxOdd && w.c.prove(ctx, &b) == nil
}

// gone reports a key that was listed and is not there any more.
func (w *scan) gone(key []byte, expire int64) error {
	w.unsure = false
	return w.sink.Skip(key, whyGone(expire), "")
}

// whyGone is the reason that an expiry gives for a key that is not there.
func whyGone(expire int64) Reason {
	switch expire {
	case expired:
		return Expired
	case vanished:
		return DeletedOrExpired
	}
	return Gone
}

// whyGoneSince is the reason for a key that was there with this expiry when it was first read.
func (w *scan) whyGoneSince(ctx context.Context, expire int64) (Reason, error) {
	switch {
	case isGone(expire):
		return whyGone(expire), nil
	case expire == unknownExpiry:
		return DeletedOrExpired, nil
	case expire == 0:
		return Gone, nil
	}
	now, err := w.c.time(ctx)
	if expire <= now+1000 { // to the second, in which the server may count
		return Expired, err
	}
	return Gone, err
}

// internalPrefixes are of sets that Pika keeps for itself when slotmigrate is on (SERVERS.md P10).
var internalPrefixes = [][]byte{[]byte("_internal:slotkey:4migrate:"), []byte("_internal:slottag:4migrate:")}

// IsInternal reports whether a name is one that Pika keeps for itself, which no dump has.
func IsInternal(name []byte) bool {
	return slices.ContainsFunc(internalPrefixes, func(p []byte) bool { return bytes.HasPrefix(name, p) })
}
