package binlog

import (
	"context"
	"fmt"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// Next returns the next item of any database; those of one database come in their order. It waits
// for it, and answers pings meanwhile. Once all items of a message were returned, it acknowledges
// them: the master sends no more before that. After an error the session is of no use but for
// Positions and Goodbye.
func (s *Session) Next(ctx context.Context) (*Item, error) {
	if s.err != nil {
		return nil, s.err
	}
	s.c.ctx = ctx
	item, err := s.next()
	if err != nil {
		s.err = fmt.Errorf("follow the binlog of %s: %w", s.o.Addr, err)
		return nil, s.err
	}
	return item, nil
}

func (s *Session) next() (*Item, error) {
	for s.in.err == nil {
		if s.in.left == 0 {
			s.in.fail(s.acknowledge())
			s.in.begin()
			continue
		}
		switch num, typ := s.in.field(); num {
		case 1, 2:
			s.expect(num, typ)
		case 7:
			if item := s.chip(typ); item != nil && s.in.err == nil {
				return item, nil
			}
		default:
			s.in.skip(typ)
		}
	}
	return nil, s.in.err
}

// expect reads the kind or the code of a message that brings items.
func (s *Session) expect(num protowire.Number, typ protowire.Type) {
	if n := s.in.number(typ, math.MaxInt32); n != [...]uint64{1: kindBinlogSync, 2: codeOK}[num] {
		s.in.malformed("field %d is %d where items are expected", num, n)
	}
}

// acknowledge acknowledges the items of the message before.
func (s *Session) acknowledge() error {
	for _, d := range s.databases {
		if d.pending {
			if err := s.write(s.node.binlogSync(d.first, d.last, d.session, false)); err != nil {
				return err
			}
			d.pending = false
		}
	}
	return nil
}

// chip reads an item with what is around it. It returns none if it is a ping, or the input has
// failed.
func (s *Session) chip(typ protowire.Type) *Item {
	var d *database
	var item *Item
	var at format.BinlogPosition
	session := uint64(math.MaxUint64)
	behind := s.in.length(typ)
	for s.in.more(behind) {
		switch num, typ := s.in.field(); num {
		case 1:
			d = s.database(typ)
		case 2:
			at.File, at.Offset = s.in.offset(typ)
		case 3:
			item = s.item(typ, d)
		case 4:
			session = s.in.number(typ, math.MaxUint64)
		default:
			s.in.skip(typ)
		}
	}
	s.in.ends(behind)
	switch {
	case s.in.err != nil:
	case d == nil:
		s.in.malformed("items without a database")
	case session != d.session: // what a run that was killed has asked for (SERVERS.md P18)
		s.in.fail(fmt.Errorf("%w: it still sends items of an earlier session", ErrUnavailable))
	}
	if s.in.err != nil {
		return nil
	}
	if item == nil {
		s.in.fail(s.answer(d))
		return nil
	}
	if at.DB = d.at.DB; !d.at.Before(at) {
		s.in.malformed("an item that ends at %s follows one that ends at %s", place(at), place(d.at))
		return nil
	}
	if !d.pending {
		d.first, d.pending = at, true
	}
	d.at, d.last, item.Position = at, at, at
	return item
}

// database reads of which database an item is.
func (s *Session) database(typ protowire.Type) *database {
	n := s.in.database(typ)
	i := slices.IndexFunc(s.databases, func(d *database) bool { return d.at.DB == n })
	if i < 0 {
		s.in.malformed("an item of db%d, which is not followed", n)
		return nil
	}
	return s.databases[i]
}

// item reads an item; nil: it is empty, which is a ping.
func (s *Session) item(typ protowire.Type, d *database) *Item {
	behind := s.in.length(typ)
	if behind == s.in.left {
		return nil
	}
	if d == nil {
		s.in.malformed("an item without a database")
		return nil
	}
	return s.items.parse(behind, d.at)
}
