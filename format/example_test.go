package format_test

import (
	"bytes"
	"fmt"
	"io"
	"log"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// chunk returns a chunk of hashes with the keys "cart:1" and, in two parts, "cart:2".
func chunk(codec *format.Codec) []byte {
	var buf bytes.Buffer
	cw, err := format.NewChunkWriter(&buf, codec, format.Header{
		Dump: "00112233445566778899aabbccddeeff", Type: format.TypeHash, Writer: "example 1",
	})
	if err != nil {
		log.Fatal(err)
	}
	fields := func(list ...string) (out [][]byte) {
		for _, s := range list {
			out = append(out, []byte(s))
		}
		return out
	}
	for _, r := range []format.Record{
		{Kind: format.Hash, Key: []byte("cart:1"), Part: format.PartWhole, Elems: fields("apple", "3"), Expire: 1893456000000},
		{Kind: format.Hash, Key: []byte("cart:2"), Part: format.PartFirst, Elems: fields("fig", "1", "kiwi", "9")},
		{Kind: format.Hash, Key: []byte("cart:2"), Part: format.PartLast, Elems: fields("plum", "4")},
	} {
		if err := cw.Write(&r); err != nil {
			log.Fatal(err)
		}
	}
	if _, err := cw.Close(nil); err != nil {
		log.Fatal(err)
	}
	return buf.Bytes()
}

func ExampleChunkWriter() {
	codec, err := format.NewCodec(format.Fastest, 1)
	if err != nil {
		log.Fatal(err)
	}
	defer codec.Close()

	var file bytes.Buffer
	cw, err := format.NewChunkWriter(&file, codec, format.Header{
		Dump:   "00112233445566778899aabbccddeeff",
		Type:   format.TypeString,
		Writer: "example 1",
	})
	if err != nil {
		log.Fatal(err)
	}
	err = cw.Write(&format.Record{Kind: format.String, Key: []byte("greeting"), Part: format.PartWhole, Value: []byte("hello")})
	if err != nil {
		log.Fatal(err)
	}
	footer, err := cw.Close(nil) // nil: to the end of the keyspace
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(footer.Stats.Keys, "key,", footer.Stats.Raw, "bytes")
	fmt.Println(format.ChunkName(0, format.TypeString, 0))
	// Output:
	// 1 key, 21 bytes
	// chunks/db0/string/000000.mpz
}

func ExampleChunkReader() {
	codec, err := format.NewCodec(format.Fastest, 1)
	if err != nil {
		log.Fatal(err)
	}
	defer codec.Close()

	cr, err := format.NewChunkReader(bytes.NewReader(chunk(codec)), codec, "chunks/db0/hash/000000.mpz")
	if err != nil {
		log.Fatal(err)
	}
	var r format.Record
	for {
		err := cr.Next(&r)
		if err == io.EOF {
			break // and the whole file was checked
		}
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s %s part %d expire %d %q\n", r.Kind, r.Key, r.Part, r.Expire, r.Elems)
	}
	fmt.Println(cr.Footer().Stats.Keys, "keys")
	// Output:
	// hash cart:1 part 3 expire 1893456000000 ["apple" "3"]
	// hash cart:2 part 1 expire 0 ["fig" "1" "kiwi" "9"]
	// hash cart:2 part 2 expire 0 ["plum" "4"]
	// 2 keys
}

func ExampleChunk_Keys() {
	codec, err := format.NewCodec(format.Fastest, 1)
	if err != nil {
		log.Fatal(err)
	}
	defer codec.Close()

	file := chunk(codec)
	c, err := format.OpenChunk(bytes.NewReader(file), int64(len(file)), codec, "chunks/db0/hash/000000.mpz")
	if err != nil {
		log.Fatal(err)
	}
	keys := c.Keys()
	for {
		key, err := keys.Seek([]byte("cart:2"))
		if err == io.EOF || err == nil && string(key) != "cart:2" {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%q\n", keys.Record().Elems)
	}
	// Output:
	// ["fig" "1" "kiwi" "9"]
	// ["plum" "4"]
}
