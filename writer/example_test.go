package writer_test

import (
	"context"
	"fmt"
	"io"
	"log"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/minitarget"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
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
	target, err := minitarget.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer target.Close()

	loader, err := writer.Open(ctx, writer.Options{
		Addr:   target.Addr(),
		Report: func(l writer.LeftOut) { fmt.Printf("%s is left out: %s\n", l.Key, l.Reason) },
	})
	if err != nil {
		log.Fatal(err)
	}
	worker, err := loader.NewWorker(ctx, 0)
	if err != nil {
		log.Fatal(err)
	}
	defer worker.Close()
	err = worker.Load(ctx, &records{
		{Kind: format.HyperLogLog, Key: []byte("visitors"), Part: format.PartWhole, Value: make([]byte, 1<<14)},
		{Kind: format.Hash, Key: []byte("cart:1"), Part: format.PartWhole, Elems: [][]byte{[]byte("apple"), []byte("3")}},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("cart:1 has apple:", target.HGet("cart:1", "apple"))
	// Output:
	// visitors is left out: hyperloglog
	// cart:1 has apple: 3
}
