package reader

import (
	"bytes"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// Up to 3.5 a name can exist under several types, and TTL answers for the first that has it
// (SERVERS.md P5). So before the TTLs of a pipeline and behind them the types are listed that could
// answer: an expiry is the key's own if the key is there both times, and no other type has its name
// either time.

// rivals returns the types for which TTL can answer although the name has a value of type t: those
// before it, and all others where the server's cache can answer, which knows some types of a name
// (SERVERS.md P12).
func (s *ServerInfo) rivals(t format.Type) []format.Type {
	order := s.version.ttlOrder()
	i := slices.Index(order, t)
	if s.cached() {
		return slices.Delete(order, i, i+1)
	}
	return order[:i]
}

// cached reports whether the server's cache can answer, which there is since 3.5.2.
func (s *ServerInfo) cached() bool {
	return s.version.atLeast(3, 5, 2) && s.CacheModel != "0" && (s.CacheModel != "" || s.NoConfig != nil)
}

// A TypeSet says which types have a name.
type TypeSet uint8

// AllTypes is the set of all.
var AllTypes = holdsAny(format.Types)

// Has reports whether a type has it.
func (s TypeSet) Has(t format.Type) bool { return s&holds(t) != 0 }

// IsOne reports whether only one type has it.
func (s TypeSet) IsOne() bool { return s != 0 && s&(s-1) == 0 }

// unseen is in a TypeSet of a listing that ended before it came to the name.
const unseen TypeSet = 1 << 7

func holds(t format.Type) TypeSet { return 1 << slices.Index(format.Types, t) }

func holdsAny(types []format.Type) (h TypeSet) {
	for _, t := range types {
		h |= holds(t)
	}
	return h
}

// An owner is whose an expiry is.
type owner int

const (
	own     owner = iota // the key's
	unclear              // of one that has come or gone meanwhile, or was not listed: to be asked again
	shared               // of another type that has the name: the key's cannot be told
	lost                 // the key is not there any more
)

// ownerOf tells whose a TTL is that came between two listings.
func ownerOf(t format.Type, rivals, before, behind TypeSet) owner {
	switch {
	case (before|behind)&unseen != 0:
		return unclear
	case behind&holds(t) == 0:
		return lost
	case behind&rivals != 0:
		return shared
	case before&holds(t) == 0 || before&rivals != 0:
		return unclear
	}
	return own
}

// A look asks which of the types that TTL can answer for have the names: it lists each of them from
// the first key to the last, or asks for each key by itself.
type look struct {
	x     *exchange // nil: nobody asks
	types []format.Type
	keys  [][]byte // ascending, unless each is asked for by itself
	apart bool
	n     int       // LIMIT of a listing
	known TypeSet   // what all keys are known to be
	held  []TypeSet // by key
}

// ask adds the commands to b.
func (l *look) ask(b *resp.Batch) {
	if l.x == nil {
		return
	}
	command := l.x.s.typeCommand()
	for _, keys := range l.ranges() {
		if l.apart && command != "" {
			b.Add(command, keys[0])
			continue
		}
		for _, t := range l.types {
			l.x.s.askPage(b, string(t), keys[0], keys[len(keys)-1], l.n)
		}
	}
}

func (l *look) ranges() [][][]byte {
	if !l.apart {
		return [][][]byte{l.keys}
	}
	return slices.Collect(slices.Chunk(l.keys, 1))
}

func (l *look) read(p *resp.Replies) {
	if l.x == nil {
		return
	}
	command := l.x.s.typeCommand()
	for _, keys := range l.ranges() {
		at := len(l.held)
		for range keys {
			l.held = append(l.held, l.known)
		}
		if l.apart && command != "" {
			p.Answers(command, keys[0])
			l.held[at] |= readTypes(p)
			continue
		}
		for _, t := range l.types {
			readNames(p, t, keys, l.held[at:])
		}
	}
}

// readNames takes a page of names of type t from the first of keys on, and notes which of the keys
// it has.
func readNames(p *resp.Replies, t format.Type, keys [][]byte, into []TypeSet) {
	p.Answers("list the "+string(t)+" keys from", keys[0])
	next := p.Head()
	i, has := 0, holds(t)
	for range p.Array(-1) {
		name := p.Bulk()
		for ; i < len(keys); i++ {
			order := bytes.Compare(keys[i], name)
			if order == 0 {
				into[i] |= has
			}
			if order >= 0 {
				break
			}
		}
	}
	if len(next) > 0 {
		for i := len(keys) - 1; i >= 0 && bytes.Compare(keys[i], next) >= 0; i-- {
			into[i] |= unseen
		}
	}
}

// readTypes takes the reply to TYPE, the first type that has the name, behind which all others can
// have it as well, or to PTYPE.
func readTypes(p *resp.Replies) (h TypeSet) {
	if p.Next() == '*' {
		for _, t := range p.Bulks(nil, 1) {
			if slices.Contains(format.Types, format.Type(t)) {
				h |= holds(format.Type(t))
			}
		}
	} else if i := slices.Index(format.Types, format.Type(p.Simple())); i >= 0 {
		h = holdsAny(format.Types[i:])
	}
	return h
}

// whyUnknown says why an expiry cannot be told.
func (s *ServerInfo) whyUnknown() string {
	if !s.ManyTypes() {
		return "TTL fails, or is farther away than a dump can tell"
	}
	if s.cached() {
		return "another type has the name, and TTL can speak of it from the source's cache; --source-cache-off may help"
	}
	return "another type has the name, and TTL speaks of that"
}
