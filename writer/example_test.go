package writer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/minitarget"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
	"github.com/pika2kvrocks/pika2kvrocks/writer/checkpoint"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// records is a Source.
type records []*format.Record

func (rs *records) Next() (*format.Record, error) {
	if len(*rs) == 0 {
		return nil, io.EOF
	}
	r := (*rs)[0]
	*rs = (*rs)[1:]
	return r, nil
}

// Two records over one connection. What the target cannot hold is reported.
func ExampleWorker_Load() {
	ctx := context.Background()
	server, err := minitarget.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()

	loader, err := writer.Open(ctx, writer.Options{Target: target.Options{Addr: server.Addr()}})
	if err != nil {
		log.Fatal(err)
	}
	worker, err := loader.NewWorker(ctx, 0)
	if err != nil {
		log.Fatal(err)
	}
	defer worker.Close()
	err = worker.Load(ctx, writer.Job{
		Source: &records{
			{Kind: format.HyperLogLog, Key: []byte("visitors"), Part: format.PartWhole, Value: make([]byte, 1<<14)},
			{Kind: format.Hash, Key: []byte("cart:1"), Part: format.PartWhole, Elems: [][]byte{[]byte("apple"), []byte("3")}},
		},
		Report: func(l writer.LeftOut) { fmt.Printf("%s is left out: %s\n", l.Key, l.Reason) },
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("cart:1 has apple:", server.HGet("cart:1", "apple"))
	// Output:
	// visitors is left out: hyperloglog
	// cart:1 has apple: 3
}

// A load that ends in the middle, and another one that resumes it from the last checkpoint.
func ExampleWorker_Load_resume() {
	ctx := context.Background()
	server, err := minitarget.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	loader, err := writer.Open(ctx, writer.Options{Target: target.Options{Addr: server.Addr()}, BatchKeys: 1})
	if err != nil {
		log.Fatal(err)
	}
	var all records
	for _, key := range []string{"a", "b", "c"} {
		all = append(all, &format.Record{Kind: format.String, Key: []byte(key), Part: format.PartWhole, Value: []byte("1")})
	}

	// A caller keeps both in a file.
	var last checkpoint.Checkpoint
	var sent int64
	load := func(source writer.Source, stop func() bool) error {
		worker, err := loader.NewWorker(ctx, 0)
		if err != nil {
			return err
		}
		defer worker.Close()
		return worker.Load(ctx, writer.Job{
			Source:  source,
			From:    last,
			Sent:    sent,
			Sending: func(n int64) error { sent = n; return nil },
			Reached: func(c checkpoint.Checkpoint) error {
				last = c
				if stop() {
					return errors.New("stopped")
				}
				return nil
			},
		})
	}
	first := slices.Clone(all)
	fmt.Println(load(&first, func() bool { return last.Record == 2 }))
	fmt.Println("checkpoint: record", last.Record)
	rest := all[last.Record:]
	fmt.Println(load(&rest, func() bool { return false }))
	fmt.Println("checkpoint: record", last.Record, "keys:", server.Keys())
	// Output:
	// stopped
	// checkpoint: record 2
	// <nil>
	// checkpoint: record 3 keys: [a b c]
}
