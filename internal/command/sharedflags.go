package command

import (
	"os"
	"time"

	"github.com/urfave/cli/v2"
)

// Dir is in the help of a flag that says where a dump is.
const Dir = "`DIR`, a directory or the URL of a prefix in a bucket"

// Bool is a flag that is given or not.
func Bool(name, category, usage string) cli.Flag {
	return &cli.BoolFlag{Name: name, Category: category, Usage: usage}
}

// Text is a flag with a text, which is empty if it is not given.
func Text(name, category, usage string) cli.Flag {
	return &cli.StringFlag{Name: name, Category: category, Usage: usage}
}

// ThreadsFlag says how much is done at once.
func ThreadsFlag(value int, usage string) cli.Flag {
	return &cli.IntFlag{Name: "threads", Aliases: []string{"j"}, Value: value, Category: Speed,
		Usage: usage}
}

// RetryFlag says how long a server is tried again.
func RetryFlag() cli.Flag {
	return &cli.DurationFlag{Name: "retry-for", Value: 5 * time.Minute, Category: Repeat,
		Usage: "retry transient errors; give up after this long without progress; 0: no retries"}
}

// BucketFlags say how a dump is written into a bucket; spool is the help of --spool.
func BucketFlags(spool string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "spool", DefaultText: os.TempDir(), Usage: spool, Category: Bucket},
		Bool("break-lock", Bucket, "take over the lock of a run in a bucket; only if you know "+
			"that the run is gone"),
	}
}

// CompareFlags are those of a comparison with a dump; keysOnly ends the help of --keys-only.
func CompareFlags(keysOnly string) []cli.Flag {
	return []cli.Flag{
		Text("report", Output, "list what differs, and what is explained, as JSON lines in `FILE`"),
		Text("sample", Keys, "only a sample of the keys, such as `1%`: chosen by their names, "+
			"the same each time"),
		Bool("keys-only", Comparison, "compare type, length and expiry, not the elements"+keysOnly),
		&cli.IntFlag{Name: "rounds", Value: 2, Category: Comparison,
			Usage: "maximum passes; each re-checks the keys that differed"},
	}
}

// RateFlags say how a server is spared. Verb and over are in the help of the rates, and latency is
// that of --max-latency-factor.
func RateFlags(verb, over, latency string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "rate-keys", DefaultText: "no limit", Category: Speed,
			Usage: verb + " at most `N` keys a second, such as 20k, over all " + over},
		&cli.StringFlag{Name: "rate-bytes", DefaultText: "no limit", Category: Speed,
			Usage: verb + " at most `SIZE` a second, over all " + over},
		&cli.Float64Flag{Name: "max-latency-factor", DefaultText: "off", Category: Speed,
			Usage: latency},
	}
}
