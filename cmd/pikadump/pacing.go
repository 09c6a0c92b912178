package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/pace"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// kindness says how far the source is spared. Zero values mean: not at all.
type kindness struct {
	pace.Limits
	windows []pace.Window
}

func kindnessFlags(env func(string) []string) []cli.Flag {
	return []cli.Flag{
		&cli.DurationFlag{Name: "reply-time", DefaultText: "500ms", Usage: "time that replies are steered to; never more than a third of the server's timeout", EnvVars: env("reply-time"), Category: speed},
		&cli.StringFlag{Name: "rate-keys", DefaultText: "no limit", Usage: "read at most `N` keys a second, such as 20k, over all threads", EnvVars: env("rate-keys"), Category: speed},
		&cli.StringFlag{Name: "rate-bytes", DefaultText: "no limit", Usage: "read at most `SIZE` a second, over all threads", EnvVars: env("rate-bytes"), Category: speed},
		&cli.Float64Flag{Name: "max-latency-factor", DefaultText: "off", Usage: "pause while PING takes more than `F` times as long as at the start", EnvVars: env("max-latency-factor"), Category: speed},
		&cli.StringSliceFlag{Name: "window", Usage: "read only at these times of the day, such as `23:00-06:00`, and pause outside; more than one with commas", EnvVars: env("window"), Category: speed},
		&cli.BoolFlag{Name: "no-source-count", Usage: "do not hold the keys that were listed against the source's own count: INFO keyspace 1 has it walk over all keys in the background", EnvVars: env("no-source-count"), Category: speed},
		&cli.BoolFlag{Name: "source-cache-off", Usage: "set the source's cache-model to 0 for the run, and back at its end (after a crash: at the end of --resume)", EnvVars: env("source-cache-off"), Category: speed},
	}
}

// parse reads the flags, and fits the size of replies to the rates.
func (k *kindness) parse(c *cli.Context, o *reader.Options) (err error) {
	o.NoCount = c.Bool("no-source-count")
	if o.Latency = c.Duration("reply-time"); o.Latency < 0 {
		return command.Usage("--reply-time %v is negative", o.Latency)
	}
	if k.Limits, err = pace.LimitsFromFlags(c); err != nil {
		return err
	}
	if k.Keys > 0 {
		o.PageKeys = int(min(int64(o.PageKeys), k.Keys))
	}
	if k.Bytes > 0 {
		o.ReplyBytes = int(min(int64(o.ReplyBytes), max(k.Bytes, 4<<10)))
	}
	for _, s := range c.StringSlice("window") {
		for one := range strings.SplitSeq(s, ",") {
			w, err := pace.ParseWindow(one)
			if err != nil {
				return command.Usage("--window: %w", err)
			}
			k.windows = append(k.windows, w)
		}
	}
	return nil
}

// pacing spares the source in the way that the user asked for.
type pacing struct {
	latency *pace.Latency // nil: it is not watched
	pinger  *reader.Pinger
}

// newPacing puts a pacer into the options if one is needed.
func newPacing(k *kindness, o *reader.Options, log io.Writer) *pacing {
	p := &pacing{}
	if k.Limits == (pace.Limits{}) && k.windows == nil {
		return p
	}
	if k.LatencyFactor > 0 {
		p.latency = pace.NewLatency(k.LatencyFactor, func(ctx context.Context) (time.Duration, error) { return p.pinger.Ping(ctx) })
	}
	o.Pacer = pace.New(pace.Options{
		Keys: k.Keys, Bytes: k.Bytes, Windows: k.windows, Latency: p.latency,
		Say: func(text string) { fmt.Fprintln(log, text) },
	})
	return p
}

// begin measures the latency that the source has before the scan.
func (p *pacing) begin(ctx context.Context, s *reader.Scanner, log io.Writer) error {
	if p.latency == nil {
		return nil
	}
	p.pinger = s.Pinger()
	start, err := p.latency.Begin(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(log, "the source answers PING in %v at the start\n", start.Round(time.Microsecond))
	return nil
}

// watch measures on until the context ends.
func (p *pacing) watch(ctx context.Context) error {
	if p.latency == nil {
		return nil
	}
	defer p.pinger.Close()
	return p.latency.Watch(ctx)
}
