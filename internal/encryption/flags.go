package encryption

import (
	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
)

const category = "Encryption"

// IdentityFlag is for commands that read dumps.
func IdentityFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "identity", Category: category,
		Usage: "read an encrypted dump with the age identity in `FILE`, as age-keygen makes it; " +
			"can be given more than once"}
}

// RecipientFlag is for commands that write dumps.
func RecipientFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "encrypt-to", Category: category,
		Usage: "encrypt every file for `RECIPIENT`, an age1… or a file of them; can be given " +
			"more than once"}
}

// PlainFlag is for commands that make a dump of others; help says which.
func PlainFlag(help string) cli.Flag {
	return &cli.BoolFlag{Name: "plain", Category: category, Usage: help}
}

// FromFlags returns the keys that the flags name; a command may have some of them only.
func FromFlags(c *cli.Context) (k Keys, err error) {
	k.Plain = c.Bool("plain")
	for _, text := range c.StringSlice("encrypt-to") {
		r, err := recipients(text)
		if err != nil {
			return k, exitcode.Usagef("--encrypt-to: %w", err)
		}
		k.Recipients = append(k.Recipients, r...)
	}
	for _, path := range c.StringSlice("identity") {
		ids, err := identities(path)
		if err != nil {
			return k, exitcode.Usagef("--identity %s: %w", path, err)
		}
		k.Identities = append(k.Identities, ids...)
	}
	if k.Plain && k.Recipients != nil {
		return k, exitcode.Usagef("--plain does not go with --encrypt-to")
	}
	return k, nil
}
