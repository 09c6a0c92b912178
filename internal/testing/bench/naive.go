package main

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// naiveBatch is how many keys the script scans, and commands it sends, at once.
const naiveBatch = 1000

// naive is the role of the script that everybody has: SCAN, then TYPE, then the value and PTTL of
// each key, in pipelines of a thousand: ADDR. It keeps nothing of what it reads.
func naive(ctx context.Context, args []string) error {
	c := redis.NewClient(&redis.Options{Addr: args[0], Protocol: 2, DisableIdentity: true, ReadTimeout: 10 * time.Minute, WriteTimeout: time.Minute})
	defer c.Close()
	read := 0
	for cursor := uint64(0); ; {
		keys, next, err := c.Scan(ctx, cursor, "*", naiveBatch).Result()
		if err != nil {
			return err
		}
		n, err := naivePage(ctx, c, keys)
		if err != nil {
			return err
		}
		read += n
		if cursor = next; cursor == 0 {
			break
		}
	}
	fmt.Println(read)
	return nil
}

// naivePage reads the keys of one SCAN and returns how many were there.
func naivePage(ctx context.Context, c *redis.Client, keys []string) (read int, err error) {
	pipe := c.Pipeline()
	types := make([]*redis.StatusCmd, len(keys))
	for i, k := range keys {
		types[i] = pipe.Type(ctx, k)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return 0, err
	}
	for i, k := range keys {
		switch t := types[i].Val(); t {
		case "string":
			pipe.Get(ctx, k)
		case "hash":
			pipe.HGetAll(ctx, k)
		case "list":
			pipe.LRange(ctx, k, 0, -1)
		case "set":
			pipe.SMembers(ctx, k)
		case "zset":
			pipe.ZRangeWithScores(ctx, k, 0, -1)
		default:
			return 0, fmt.Errorf("key %q is of type %q", k, t)
		}
		pipe.PTTL(ctx, k)
		read++
		if pipe.Len() >= naiveBatch {
			if _, err := pipe.Exec(ctx); err != nil {
				return 0, err
			}
		}
	}
	_, err = pipe.Exec(ctx)
	return read, err
}
