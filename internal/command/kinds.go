package command

import "github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"

// The names that the kinds of errors had before they went to exitcode. They go when nothing uses
// them.
type (
	UsageError = exitcode.UsageError
	LeftOut    = exitcode.LeftOutError
	Different  = exitcode.DifferentError
	Interrupt  = exitcode.InterruptError
)

// The same of its functions.
var (
	Usage     = exitcode.Usagef
	FromStart = exitcode.FromStart
	Code      = exitcode.Of
)
