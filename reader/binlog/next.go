package binlog

import (
	"context"
	"fmt"
	"math"

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
	for {
		if s.in.left == 0 {
			if err := s.acknowledge(); err != nil {
				return nil, err
			}
			if err := s.in.begin(); err != nil {
				return nil, err
			}
			continue
		}
		num, typ, err := s.in.field()
		if err != nil {
			return nil, err
		}
		switch num {
		case 1, 2:
			err = s.expect(num, typ)
		case 7:
			var item *Item
			if item, err = s.chip(typ); item != nil && err == nil {
				return item, nil
			}
		default:
			err = s.in.skip(typ)
		}
		if err != nil {
			return nil, err
		}
	}
}

// expect reads the kind or the code of a message that brings items.
func (s *Session) expect(num protowire.Number, typ protowire.Type) error {
	n, err := s.in.number(typ, math.MaxInt32)
	if err == nil && n != [...]uint64{1: kindBinlogSync, 2: codeOK}[num] {
		err = fmt.Errorf("%w: field %d is %d where items are expected", errMessage, num, n)
	}
	return err
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

// chip reads an item with what is around it. It returns none if it is a ping.
func (s *Session) chip(typ protowire.Type) (*Item, error) {
	behind, err := s.in.length(typ)
	if err != nil {
		return nil, err
	}
	var d *database
	var item *Item
	var at format.BinlogPosition
	session := uint64(math.MaxUint64)
	for err == nil && s.in.left > behind {
		num, typ, e := s.in.field()
		switch {
		case e != nil:
			err = e
		case num == 1:
			d, err = s.database(typ)
		case num == 2:
			at.File, at.Offset, err = s.in.offset(typ)
		case num == 3:
			item, err = s.item(typ, d)
		case num == 4:
			session, err = s.in.number(typ, math.MaxUint64)
		default:
			err = s.in.skip(typ)
		}
	}
	if err = s.in.ends(behind, err); err != nil {
		return nil, err
	}
	if d == nil || session != d.session {
		return nil, fmt.Errorf("%w: an item of another session", errMessage)
	}
	if item == nil {
		return nil, s.answer(d)
	}
	at.DB = d.at.DB
	if !d.at.Before(at) {
		return nil, fmt.Errorf("%w: an item that ends at %s follows one that ends at %s", errMessage, place(at), place(d.at))
	}
	if !d.pending {
		d.first, d.pending = at, true
	}
	d.at, d.last, item.Position = at, at, at
	return item, nil
}

// database reads of which database an item is.
func (s *Session) database(typ protowire.Type) (*database, error) {
	n, err := s.in.database(typ)
	if err != nil {
		return nil, err
	}
	if d := s.find(n); d != nil {
		return d, nil
	}
	return nil, fmt.Errorf("%w: an item of db%d, which is not followed", errMessage, n)
}

// item reads an item; nil: it is empty, which is a ping.
func (s *Session) item(typ protowire.Type, d *database) (*Item, error) {
	behind, err := s.in.length(typ)
	if err != nil || behind == s.in.left {
		return nil, err
	}
	if d == nil {
		return nil, fmt.Errorf("%w: an item without a database", errMessage)
	}
	return s.items.parse(behind, d.at)
}
