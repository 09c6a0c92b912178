package preflight

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
)

// Checks judges the facts by what the load needs.
func (f *Facts) Checks(n Need) []Check {
	need := &n
	if f.Refusal != nil {
		return []Check{{Name: "server", Level: Failed, Found: f.bare(f.Refusal)}}
	}
	var list []Check
	if f.members != nil {
		list = f.memberChecks(need)
	} else {
		list = f.serverChecks(need)
	}
	list = append(list, f.checkKeyspaces(need)...)
	if f.counted {
		list = append(list, CheckEmpty(f.keys, f.more))
	}
	if need.Tune {
		list = append(list, f.checkTune())
	}
	for i := range list {
		if c := &list[i]; c.Level == Failed && slices.Contains(need.Accept, c.Name) {
			c.Level, c.Advice = Warning, "accepted (--accept)"
		}
	}
	return list
}

func (f *Facts) serverChecks(need *Need) []Check {
	list := []Check{
		{Name: "server", Found: fmt.Sprintf("%s %s, %s", f.Target.Server, f.Target.Version, f.Target.Mode)},
		f.checkRole(), f.checkLoading(), f.checkCommands(), f.checkClock(need), f.checkConnections(need),
	}
	if f.Target.IsKvrocks() {
		return append(list, f.checkDisk(need), f.checkMaxDBSize(need))
	}
	return append(list, f.checkMemory(need), f.checkEviction())
}

// bare is the text of an error without the address, which is said once for all.
func (f *Facts) bare(err error) string {
	return strings.TrimPrefix(err.Error(), "target "+f.Target.Addr+" ")
}

func (f *Facts) checkRole() Check {
	c := Check{Name: "role", Found: f.Replication["role"]}
	switch c.Found {
	case "slave", "replica":
		c.Level, c.Found = Failed, "is a replica, which takes no writes"
		c.Advice = "give the address of its master " + f.Replication["master_host"] + ":" + f.Replication["master_port"]
	case "":
		c.Found = "not told"
	}
	return c
}

func (f *Facts) checkLoading() Check {
	if f.Loading {
		return Check{Name: "loading", Level: Failed, Found: "the server is still loading its data", Advice: "try again when it is done"}
	}
	return Check{Name: "loading", Found: "no"}
}

func (f *Facts) checkCommands() Check {
	const name = "commands"
	if f.NoProbe != "" {
		return Check{Name: name, Level: Warning, Found: "cannot be tried beforehand (" + conn.Shown(f.NoProbe) + ")",
			Advice: "one that the server does not know or allow stops the load"}
	}
	if len(f.Refused) == 0 {
		return Check{Name: name, Found: fmt.Sprintf("all %d that the load needs are known and allowed", f.Probed)}
	}
	var found []string
	c := Check{Name: name, Level: Failed, Advice: "have the server know it by its own name (rename-command), or use a newer server"}
	for _, cmd := range slices.Sorted(maps.Keys(f.Refused)) {
		reply := f.Refused[cmd]
		found = append(found, cmd+" is refused: "+conn.Shown(reply))
		switch {
		case strings.HasPrefix(reply, "NOPERM"):
			c.Err, c.Advice = conn.ErrAuth, "give the user the right to them, or use another user"
		case conn.Fatal(reply) != nil && c.Err == nil:
			c.Advice = conn.Fatal(reply).Error()
		}
	}
	c.Found = strings.Join(found, "; ")
	return c
}

func (f *Facts) checkKeyspaces(need *Need) []Check {
	var failed []Check
	missing := []string{}
	for _, p := range f.Keyspaces {
		switch {
		case p.Err != nil:
			c := Check{Name: "keyspace db" + strconv.Itoa(p.DB), Level: Failed, Found: f.bare(p.Err), Err: p.Err}
			if errors.Is(p.Err, conn.ErrAuth) && p.Token && need.Create[p.DB] == "" {
				c.Advice = "if there is no such namespace yet, --create-namespaces makes it"
				if !f.Target.IsKvrocks() {
					c.Advice = fmt.Sprintf("a %s has databases and no namespaces: --map-db %d=db:%d", f.Target.Server, p.DB, p.DB)
				}
			}
			failed = append(failed, c)
		case p.Missing:
			missing = append(missing, need.Create[p.DB])
		}
	}
	if len(failed) > 0 {
		return failed
	}
	c := Check{Name: "keyspaces", Found: "1, access granted"}
	if n := len(f.Keyspaces); n > 1 {
		c.Found = fmt.Sprintf("%d different ones, access granted", n)
	}
	if len(missing) > 0 {
		c.Found = fmt.Sprintf("of %d, namespaces to be made: %s", len(f.Keyspaces), strings.Join(missing, ", "))
	}
	return []Check{c}
}

func (f *Facts) checkTune() Check {
	switch {
	case !f.Target.IsKvrocks():
		return Check{Name: "tune", Level: Warning, Found: "a Redis has none of the settings: --tune does nothing"}
	case f.NoTuning != "":
		return Check{Name: "tune", Level: Failed, Found: "the server refuses CONFIG: " + conn.Shown(f.NoTuning),
			Advice: "give its requirepass as the password, or leave --tune out"}
	}
	return Check{Name: "tune", Found: "settings can be changed"}
}

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
		n = humanize.Comma(int64(keys)) + " keys already"
	}
	if more {
		n = "more than " + n
	}
	return Check{Name: "empty", Level: Failed, Found: "the target holds " + n,
		Advice: "choose --on-exists replace (overwrite keys of the same name) or --on-exists skip (leave them as they are), or load into an empty namespace"}
}
