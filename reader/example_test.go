package reader_test

import (
	"context"
	"fmt"
	"log"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// printer is a Sink.
type printer struct{}

func (printer) Record(r *format.Record) error {
	fmt.Printf("%s:", r.Key)
	for i := 0; i < len(r.Elems); i += 2 {
		fmt.Printf(" %s=%s", r.Elems[i], r.Elems[i+1])
	}
	fmt.Println()
	return nil
}

func (printer) Skip(key []byte, reason reader.Reason, _ string) error {
	fmt.Printf("%s: left out, %s\n", key, reason)
	return nil
}

// Drop would take back the parts of a large key, which come anew.
func (printer) Drop(key []byte, _ reader.Reason) error {
	return fmt.Errorf("%s changed while it was read", key)
}

// One pass over the hashes of database 0.
func ExampleScanner_Scan() {
	ctx := context.Background()
	pika, err := pikasim.Start(pikasim.Options{Version: pikasim.V355})
	if err != nil {
		log.Fatal(err)
	}
	defer pika.Close()
	client := redis.NewClient(&redis.Options{Addr: pika.Addr(), Protocol: 2, DisableIdentity: true})
	defer client.Close()
	client.HSet(ctx, "cart:1", "apple", 3)
	client.HSet(ctx, "cart:2", "fig", 1)
	client.Set(ctx, "greeting", "hello", 0)

	scanner, err := reader.Open(ctx, reader.Options{Addr: pika.Addr()})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("Pika", scanner.Source().Version)
	if err := scanner.Scan(ctx, reader.NewPass(0, format.TypeHash, nil, nil), printer{}); err != nil {
		log.Fatal(err)
	}
	// Output:
	// Pika 3.5.5
	// cart:1: apple=3
	// cart:2: fig=1
}
