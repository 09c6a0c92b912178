package pace

import (
	"github.com/dustin/go-humanize"
	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
)

// Limits say how far a server is spared. The zero value means: not at all.
type Limits struct {
	Keys, Bytes   int64   // per second, over all connections; 0: no limit
	LatencyFactor float64 // how many times longer than at the start replies may take; 0: off
}

// leastBytes is the lowest --rate-bytes.
const leastBytes = 1 << 10

// LimitsFromFlags reads --rate-keys, --rate-bytes and --max-latency-factor.
func LimitsFromFlags(c *cli.Context) (Limits, error) {
	l := Limits{LatencyFactor: c.Float64("max-latency-factor")}
	if text := c.String("rate-keys"); text != "" {
		n, unit, err := humanize.ParseSI(text)
		if err != nil || unit != "" || n < 1 || n > 1e15 {
			return l, exitcode.Usagef("--rate-keys %q: it is a number above 0, such as 20000 or 20k", text)
		}
		l.Keys = int64(n)
	}
	if text := c.String("rate-bytes"); text != "" {
		n, err := humanize.ParseBytes(text)
		if err != nil || n < leastBytes || n > 1<<40 {
			return l, exitcode.Usagef("--rate-bytes %q: it is a size from %s to 1 TiB, such as 1MiB", text, humanize.IBytes(leastBytes))
		}
		l.Bytes = int64(n)
	}
	if f := l.LatencyFactor; f != 0 && !(f > 1 && f <= 1e6) {
		return l, exitcode.Usagef("--max-latency-factor %v: it is above 1, such as 3; 0 is off", f)
	}
	return l, nil
}
