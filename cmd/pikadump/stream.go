package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/pack"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// stdout is the --out that writes a stream.
const stdout = "-"

// dumpStream makes the dump as a stream to out.
func dumpStream(ctx context.Context, o dumpOptions, out, log io.Writer) (err error) {
	if progress.IsTerminal(out) {
		return command.Usage("--out - writes the dump to standard output, which is a terminal: send it through a pipe or to a file")
	}
	defer func() { err = command.FromStart(err) }()
	if o.stream, err = pack.NewOutput(ctx, out, o.storage.Spool); err != nil {
		return fmt.Errorf("%w: --spool cannot be written to: %w", reader.ErrRefused, err)
	}
	defer func() { err = errors.Join(err, o.stream.Close()) }()
	return dump(ctx, o, log)
}

// where says where the dump is.
func (o *dumpOptions) where() string {
	if o.stream != nil {
		return "the stream"
	}
	return o.out
}
