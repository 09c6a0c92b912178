package main

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// keys is how many keys the sample has.
const keys = 1503

// fill writes a sample of every type, with odd bytes, expiries and a collection that is read in
// pieces.
func fill(ctx context.Context, c *redis.Client) error {
	p := c.Pipeline()
	for i := range 1000 {
		p.Do(ctx, "SET", fmt.Sprintf("string:%04d", i), fmt.Sprintf("value %d", i))
	}
	for i := range 100 {
		p.Do(ctx, "EXPIRE", fmt.Sprintf("string:%04d", i), 3600+i)
		p.Do(ctx, "HMSET", fmt.Sprintf("hash:%d", i), "name", "n"+strconv.Itoa(i), "", "empty field", "bytes", "\x00\r\n\xff")
		p.Do(ctx, "RPUSH", fmt.Sprintf("list:%d", i), "a", "b", "", "b")
		p.Do(ctx, "SADD", fmt.Sprintf("set:%d", i), "x", "y", "\xfe\x00")
		p.Do(ctx, "ZADD", fmt.Sprintf("zset:%d", i), 1.5, "m", "-inf", "least", "inf", "most", 0.1, "tenth")
		p.Do(ctx, "XADD", fmt.Sprintf("stream:%d", i), "1-1", "field", "value")
		p.Do(ctx, "XADD", fmt.Sprintf("stream:%d", i), "2-1", "field", "")
	}
	for i := range 5000 {
		p.Do(ctx, "HSET", "hash:big", fmt.Sprintf("field %d", i), i)
	}
	p.Do(ctx, "SET", "", "the empty key")
	p.Do(ctx, "PFADD", "hyperloglog", "a", "b", "c")
	_, err := p.Exec(ctx)
	return err
}

// compare reads every key of both servers and returns how many there are. The
// hyperloglog is left out: no Kvrocks can take it as one.
func compare(ctx context.Context, source, target *redis.Client) (int, error) {
	kinds := []struct {
		word   string
		values func(*redis.Client, string) (any, error)
	}{
		{"string", func(c *redis.Client, k string) (any, error) { return c.Get(ctx, k).Result() }},
		{"hash", func(c *redis.Client, k string) (any, error) { return c.HGetAll(ctx, k).Result() }},
		{"list", func(c *redis.Client, k string) (any, error) { return c.LRange(ctx, k, 0, -1).Result() }},
		{"set", func(c *redis.Client, k string) (any, error) { return c.SMembersMap(ctx, k).Result() }},
		{"zset", func(c *redis.Client, k string) (any, error) {
			v, _, err := c.ZScan(ctx, k, 0, "", 1000).Result()
			scores := map[string]float64{}
			for pair := range slices.Chunk(v, 2) {
				score, err := strconv.ParseFloat(pair[1], 64)
				if err != nil {
					return nil, err
				}
				scores[pair[0]] = score
			}
			return scores, err
		}},
		{"stream", func(c *redis.Client, k string) (any, error) { return c.XRange(ctx, k, "-", "+").Result() }},
	}
	n := 0
	for _, kind := range kinds {
		keys, err := source.Do(ctx, "KEYS", "*", kind.word).StringSlice()
		if err != nil {
			return n, err
		}
		for _, key := range keys {
			if key == "hyperloglog" {
				continue
			}
			want, err := kind.values(source, key)
			if err != nil {
				return n, err
			}
			got, err := kind.values(target, key)
			if err != nil {
				return n, fmt.Errorf("read %s %q of the target: %w", kind.word, key, err)
			}
			if !reflect.DeepEqual(got, want) {
				return n, fmt.Errorf("%s %q: the target has %.100q, the source %.100q", kind.word, key, fmt.Sprint(got), fmt.Sprint(want))
			}
			n++
		}
	}
	keys, err := target.DBSize(ctx).Result()
	if err == nil && keys != int64(n) {
		err = fmt.Errorf("the target has %d keys, %d were compared", keys, n)
	}
	return n, err
}
