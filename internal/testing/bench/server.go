package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
	"github.com/pika2kvrocks/pika2kvrocks/internal/retry"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/freeport"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/redisserver"
)

// A server is one to dump or to load.
type server struct {
	name string
	addr string
	pid  int // of one that was given, for settle

	close func() // stops it, unless it was given
}

// simulate is the role of a simulated Pika, whose address it prints: follow, if it takes replicas.
func simulate(ctx context.Context, args []string) error {
	s, err := pikasim.Start(pikasim.Options{Version: pikasim.V355, Replication: slices.Contains(args, "follow")})
	if err != nil {
		return err
	}
	fmt.Println(s.Addr())
	<-ctx.Done()
	return s.Close()
}

// startSim starts a simulated Pika as a process of its own.
func startSim(ctx context.Context, args ...string) (*server, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, path, append([]string{"sim"}, args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	addr, err := bufio.NewReader(out).ReadString('\n')
	return &server{name: "pikasim 3.5.5", addr: strings.TrimSpace(addr), close: func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}}, err
}

// startRedis starts a redis-server that keeps everything in memory.
func startRedis(dir string) (*server, error) {
	s, err := redisserver.Run(freeport.Addr(), dir)
	if err != nil {
		return nil, err
	}
	return &server{name: "redis-server", addr: s.Addr, close: s.Kill}, nil
}

// given is a real server on this host, which loses its data.
func given(ctx context.Context, addr string) (*server, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("%s is not on this host: it would lose its data", addr)
	}
	s := &server{addr: addr, close: func() {}}
	c := s.client()
	defer c.Close()
	info, err := c.Info(ctx, "server").Result()
	if err != nil {
		return nil, err
	}
	fields := resp.Fields(info)
	s.pid, _ = strconv.Atoi(fields["process_id"])
	for _, name := range []string{"Pika", "Kvrocks"} {
		if v := fields[strings.ToLower(name)+"_version"]; v != "" {
			if s.name = name + " " + v; v == "unstable" {
				s.name += " " + fields["git_sha1"]
			}
			return s, nil
		}
	}
	return nil, fmt.Errorf("%s is neither a Pika nor a Kvrocks", addr)
}

// eachGiven runs f with one server after another.
func eachGiven(ctx context.Context, addrs []string, f func(*server) error) error {
	for _, addr := range addrs {
		s, err := given(ctx, addr)
		if err == nil {
			err = f(s)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *server) client() *redis.Client {
	return redis.NewClient(&redis.Options{Addr: s.addr, Protocol: 2, DisableIdentity: true, MaxRetries: -1, ReadTimeout: 5 * time.Minute})
}

// empty deletes everything.
func (s *server) empty(ctx context.Context) error {
	c := s.client()
	defer c.Close()
	if err := c.FlushAll(ctx).Err(); err != nil {
		return fmt.Errorf("empty %s: %w", s.name, err)
	}
	if strings.HasPrefix(s.name, "Kvrocks") { // else every run writes above more of what the ones before have deleted
		if err := c.Do(ctx, "COMPACT").Err(); err != nil {
			return fmt.Errorf("compact %s: %w", s.name, err)
		}
	}
	return s.settle(ctx)
}

// settle waits until a server that was given has next to nothing to do: compactions of what was
// written before must not take the time of what is measured next.
func (s *server) settle(ctx context.Context) error {
	if s.pid == 0 {
		return nil
	}
	const (
		look  = 500 * time.Millisecond
		quiet = 3 // looks in a row
		busy  = look / 20
	)
	before, err := cpuOf(s.pid)
	for idle, looks := 0, 0; err == nil && idle < quiet && looks < 600; looks++ {
		if err := retry.Sleep(ctx, look); err != nil {
			return err
		}
		var now time.Duration
		if now, err = cpuOf(s.pid); now-before > busy {
			idle = 0
		} else {
			idle++
		}
		before = now
	}
	return err
}
