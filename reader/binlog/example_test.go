package binlog_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/reader/binlog"
)

// The names that are written to database 0, from the position of a dump on. A lost connection is
// taken up where it ended.
func Example() {
	ctx := context.Background()
	addr, err := binlog.ReplicationAddr("127.0.0.1:9221")
	if err != nil {
		log.Fatal(err)
	}
	o := binlog.Options{Addr: addr, From: []format.BinlogPosition{{DB: 0, File: 33, Offset: 2596936}}}
	for {
		s, err := binlog.Dial(ctx, o)
		if err != nil {
			log.Fatal(err)
		}
		err = written(ctx, s)
		if !errors.Is(err, binlog.ErrUnavailable) {
			log.Fatal(errors.Join(err, s.Goodbye(ctx)))
		}
		o.From = s.Positions()
		s.Close()
	}
}

func written(ctx context.Context, s *binlog.Session) error {
	for {
		item, err := s.Next(ctx)
		if err != nil {
			return err
		}
		fmt.Printf("%s wrote %q\n", item.Command, item.Names)
	}
}
