package verify

import (
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
)

// judge completes the differences of a key whose every answer has been seen.
func (c *Checker) judge(k *key) Verdict {
	switch k.typ {
	case question.TypeNone:
		c.judgeMissing(k)
	case "":
		k.judgeLength()
		c.judgeExpiry(k)
	default:
		k.only(WrongType, "it is a %s there, want a %s", k.typ, k.kind)
	}
	verdict := k.verdict()
	if k.expire != 0 && k.gotExpire == k.expire && k.differs() && k.expire <= c.now().UnixMilli() {
		k.only(ExpiredSince, "while it was compared")
	}
	if k.differs() && k.typ != question.TypeNone && c.leftOut(k, nil) {
		k.only(LeftOut, "as its report says: the target has another value")
	}
	if k.renamed && k.typ != question.TypeNone {
		k.diffs = append(k.diffs, Difference{Class: Renamed, Detail: "compared as " + quoted(k.name)})
	}
	return verdict
}

// verdict judges a key before what is known of the load explains anything away.
func (k *key) verdict() Verdict {
	there := k.typ == ""
	v := Verdict{Key: k.source, Absent: k.typ == question.TypeNone, Equal: there && !k.differs(), Part: there && !k.altered && k.extra == 0}
	for i := range k.diffs {
		if k.diffs[i].Class == ExpiryDiffers && k.gotExpire != 0 {
			v.Part = false
		}
	}
	return v
}

// expiryMargin is how long before its time a key may be taken for expired: a load leaves out
// what has less than a second to live.
const expiryMargin = time.Second

func (c *Checker) judgeMissing(k *key) {
	switch {
	case k.expire != 0 && k.expire <= c.now().Add(expiryMargin).UnixMilli():
		k.only(ExpiredSince, "at %s", time.UnixMilli(k.expire).UTC().Format(time.RFC3339))
	case k.kind != format.String && k.wanted > 0 && k.refused == k.wanted:
		k.only(LeftOut, "with all of its elements")
	case c.leftOut(k, nil):
		k.only(LeftOut, "as its report says")
	case c.expiryUnknown(k):
		k.only(Missing, "not there: it was deleted, or has expired, which the dump could not tell")
	default:
		k.only(Missing, "%s", because("not there", k.unasked))
	}
}

// judgeLength finds the elements that only the server has.
func (k *key) judgeLength() {
	switch {
	case k.kind.Type() == format.TypeString:
		return // told by the byte behind the last
	case k.total >= 0 && !k.unsure:
		k.extra = max(k.extra, k.total-k.found)
	}
	if k.extra > 0 {
		k.differ(ExtraElements, nil, "%d more than the dump has", k.extra).Count = k.extra
	}
}

// judgeTotals does for KeysOnly what comparing the elements does.
func (k *key) judgeTotals(q *question.Question) {
	if k.kind.Type() == format.TypeString {
		if q.Total != k.wanted {
			k.differ(WrongValue, nil, "%d bytes, want %d", q.Total, k.wanted)
		}
		return
	}
	k.found = min(q.Total, k.wanted)
	if k.refused > 0 && q.Total < k.wanted {
		k.found = min(q.Total, k.wanted-k.refused)
		k.only(LeftOut, "some of its elements")
		k.diffs[0].Count = k.refused
	}
	if missing := k.wanted - k.refused - q.Total; missing > 0 {
		k.differ(MissingElements, nil, "%s, want %s", progress.Plural(q.Total, "element", "elements"), progress.Count(k.wanted-k.refused)).Count = missing
	}
}

func (c *Checker) judgeExpiry(k *key) {
	if k.gotExpire == k.expire {
		return
	}
	switch apart := k.gotExpire - k.expire; {
	case k.gotExpire == question.UnknownExpiry:
		k.differ(ExpiryUnknown, nil, "the server cannot tell it")
	case c.expiryUnknown(k):
		k.differ(ExpiryUnknown, nil, "it expires at %s: the dump could not tell", stamp(k.gotExpire))
	case k.expire == 0:
		k.differ(ExpiryDiffers, nil, "it expires at %s, want never", stamp(k.gotExpire))
	case k.gotExpire == 0:
		k.differ(ExpiryDiffers, nil, "it does not expire, want %s", stamp(k.expire))
	case max(apart, -apart) <= c.o.RoundedMs:
		k.differ(ExpiryRounded, nil, "by %d ms", apart)
	default:
		k.differ(ExpiryDiffers, nil, "it expires at %s, want %s", stamp(k.gotExpire), stamp(k.expire))
	}
	k.diffs[len(k.diffs)-1].Count = 0
}

// leftOut reports whether the load says that it has left out the key, or a member of it.
func (c *Checker) leftOut(k *key, member []byte) bool {
	return c.o.LeftOut != nil && c.o.LeftOut(c.db, k.kind, k.source, member)
}

// expiryUnknown reports whether the dump could not tell when a key expires.
func (c *Checker) expiryUnknown(k *key) bool {
	return k.expire == 0 && c.o.ExpiryUnknown != nil && c.o.ExpiryUnknown(c.db, k.kind.Type(), k.source)
}
