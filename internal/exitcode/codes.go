// Package exitcode holds the exit codes of both commands, and the kinds of errors that have them.
// The codes are part of the interface: schedulers decide by them whether to run a job again.
//
//	return exitcode.Usagef("--threads %d: it is between 1 and 64", n)
//	os.Exit(exitcode.Of(err, nil))
//
// It imports nothing of ours but format, and it never exits.
package exitcode

import "cmp"

// The codes, as the README and --help list them.
const (
	Done        = 0
	Failed      = 1
	Usage       = 2
	LeftOut     = 3   // done, but some keys were left out and are listed
	Different   = 4   // verification found differences, or is needed
	Refused     = 5   // refused before anything was written
	NoDump      = 10  // the dump is missing or incomplete
	Locked      = 11  // another run is at work
	Auth        = 12  // or no identity that opens an encrypted dump
	Corrupt     = 13  // the dump is damaged
	TryAgain    = 75  // what failed may go away by itself
	HungUp      = 129 // the terminal is gone
	Interrupted = 130
	Terminated  = 143
)

// Help is the table for --help.
const Help = `EXIT CODES:
   0    done
   1    failed
   2    wrong usage
   3    done, but some keys were left out and are listed
   4    verification found differences, or is needed
   5    refused before anything was written
   10   the dump is missing or was not finished
   11   another run is active
   12   authentication failed, a permission is missing, or no identity opens the
        dump
   13   the dump is damaged
   75   try again later: connection lost, no answer, disk full
   130  interrupted (143: terminated, 129: the terminal hung up)
`

// Meaning says in a few words what a code means.
func Meaning(code int) string { return cmp.Or(meanings[code], "failed") }

var meanings = map[int]string{
	Done: "done", Usage: "wrong usage", Refused: "refused before anything was written",
	LeftOut:   "done, but some keys were left out and are listed",
	Different: "verification found differences, or is needed",
	NoDump:    "the dump is missing or was not finished",
	Locked:    "another run is active",
	Auth:      "authentication failed, a permission is missing, or no identity opens the dump",
	Corrupt:   "the dump is damaged",
	TryAgain:  "try again later: connection lost, no answer, disk full",
	HungUp:    "the terminal hung up", Interrupted: "interrupted", Terminated: "terminated",
}
