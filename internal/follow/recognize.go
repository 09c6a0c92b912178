package follow

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
	"github.com/pika2kvrocks/pika2kvrocks/reader/binlog"
)

// lastItem is what is kept of an item to know it again.
func lastItem(item *binlog.Item) format.LastItem {
	return format.LastItem{BinlogPosition: item.Start, Header: hex.EncodeToString(item.Header[:])}
}

// recognize makes sure that the items before the tail are in the source's binlog as they were. A
// source whose data were replaced by an older copy, at the same address, has written others there
// since, at another time, once its binlog has grown past that position.
func (c *collector) recognize(ctx context.Context) error {
	for backoff := c.policy.Start(); ; {
		now := c.tail.state()
		cut, err := c.compare(ctx, now.at, now.last)
		if !cut {
			return err
		}
		if err := backoff.Wait(ctx, err, false); err != nil {
			return err
		}
	}
}

// compare reads the items before the positions once more. Cut reports that the connection ended
// meanwhile. An item whose file was deleted cannot be looked at.
func (c *collector) compare(ctx context.Context, at []format.BinlogPosition, last []format.LastItem) (cut bool, err error) {
	for len(last) > 0 {
		var from []format.BinlogPosition
		for _, it := range last {
			from = append(from, it.BinlogPosition)
		}
		s, err := c.dialAt(ctx, from)
		p := new(binlog.PositionError)
		switch {
		case err == nil:
			err = find(ctx, s, at, last)
			c.leave(ctx, s, err)
			return errors.Is(err, binlog.ErrUnavailable), err
		case !errors.As(err, &p):
			return false, err
		case p.Reason != binlog.Purged:
			return false, another(p.Asked)
		}
		fmt.Fprintf(c.o.Log, "warning: the last write of db%d that was followed is in a file of the binlog that the source has deleted: whether its data were replaced since by an older copy cannot be seen\n", p.Asked.DB)
		last = slices.DeleteFunc(last, func(it format.LastItem) bool { return it.DB == p.Asked.DB })
	}
	return false, nil
}

// find takes items until it has seen those that were the last.
func find(ctx context.Context, s session, at []format.BinlogPosition, last []format.LastItem) error {
	for seen := map[int]bool{}; len(seen) < len(last); {
		item, err := s.Next(ctx)
		if err != nil {
			return err
		}
		db := item.Position.DB
		if seen[db] {
			continue
		}
		end, _ := format.PositionOf(at, db)
		if !slices.Contains(last, lastItem(item)) || item.Position != end {
			return another(item.Start)
		}
		seen[db] = true
	}
	return nil
}

// another says that the binlog at a position is not the one that was followed.
func another(at format.BinlogPosition) error {
	return &refusal{fmt.Errorf("%w: the binlog of db%d has another write at %d %d than when it was followed: the source's data were replaced by an older copy, or it is another server. "+
		"What differs is found by a comparison: pikadump dump --base", reader.ErrRefused, at.DB, at.File, at.Offset)}
}
