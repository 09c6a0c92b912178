package preflight

import (
	"strconv"
)

// A Level says how a check came out.
type Level int

// The levels of a Check.
const (
	OK Level = iota
	Warning
	Failed
)

func (l Level) String() string { return [...]string{"ok", "warning", "FAILED"}[l] }

// A Check is one thing that was looked at before a load.
type Check struct {
	Name   string
	Level  Level
	Found  string
	Advice string // what to do; empty where Found says it, or nothing is to be done
	Err    error  // of what kind it failed; nil: a writer.ErrPreflight
}

// Names of the checks that can be accepted.
const (
	checkClock       = "clock"
	checkDisk        = "disk"
	checkMaxDBSize   = "max-db-size"
	checkMemory      = "memory"
	checkEviction    = "eviction"
	checkConnections = "connections"
)

// Acceptable are the checks that judge by estimates, which somebody may know better.
var Acceptable = []string{checkClock, checkDisk, checkMaxDBSize, checkMemory, checkEviction, checkConnections}

// String is the check as a part of a line.
func (c Check) String() string {
	s := c.Name + ": " + c.Found
	if c.Advice != "" {
		s += ": " + c.Advice
	}
	return s
}

// CheckEmpty judges how many keys there are where none may be.
func CheckEmpty(keys int, more bool) Check {
	if keys == 0 {
		return Check{Name: "empty", Found: "no keys"}
	}
	n := "1 key already"
	if keys != 1 {
		n = strconv.Itoa(keys) + " keys already"
	}
	if more {
		n = "more than " + n
	}
	return Check{Name: "empty", Level: Failed, Found: "the target holds " + n,
		Advice: "choose --on-exists replace (overwrite keys of the same name) or --on-exists skip (leave them as they are), or load into an empty namespace"}
}
