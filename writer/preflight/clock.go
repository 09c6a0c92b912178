package preflight

import (
	"fmt"
	"time"
)

// Differences between clocks that are told, and that are too much for a dump with expiries.
const (
	clockTold    = time.Second
	clockTooMuch = 5 * time.Minute
)

// checkClock: expiries are times. The target counts them by its own clock, and Pika by its. What
// the two differ is what keys live too long or too short; what the target is ahead of this host
// tells it from a dump that is old.
func (f *Facts) checkClock(need *Need) Check {
	c := Check{Name: checkClock}
	here := f.Target.ClockOffset
	if here == 0 {
		c.Found = "not told (no TIME)"
		if need.Expiring > 0 {
			c.Level, c.Advice = Warning, "see that it is right: expiries are times"
		}
		return c
	}
	source := here - need.SourceAhead
	c.Found = fmt.Sprintf("%s this host's, %s the source's", ahead(here), ahead(source))
	c.Advice = "set the clocks right (NTP)"
	least := time.Now().Add(here).Sub(need.Dumped.Add(need.SourceAhead)) // since the dump, by the target's clock
	switch {
	case !need.Dumped.IsZero() && least < -clockTold:
		c.Level = Warning
		c.Found += fmt.Sprintf("; it stands %s before the end of the dump", clockText(-least))
		source = min(source, least)
	case max(here.Abs(), source.Abs()) > clockTold:
		c.Level = Warning
	default:
		c.Advice = ""
		return c
	}
	if need.Expiring == 0 {
		c.Found += "; no key of the dump expires"
		return c
	}
	worst := source
	if here.Abs() > worst.Abs() {
		worst = here
	}
	if worst > 0 {
		c.Found += fmt.Sprintf(": keys may expire %s early", clockText(worst))
	} else {
		c.Found += fmt.Sprintf(": keys may live %s too long", clockText(-worst))
	}
	if worst.Abs() > clockTooMuch {
		c.Level, c.Advice = Failed, "set the clocks right (NTP), or take it with --accept clock"
	}
	return c
}

// ahead says how a clock stands to another.
func ahead(d time.Duration) string {
	switch {
	case d.Abs() <= clockTold:
		return "within a second of"
	case d > 0:
		return clockText(d) + " ahead of"
	}
	return clockText(-d) + " behind"
}

func clockText(d time.Duration) string {
	if d >= 48*time.Hour {
		return fmt.Sprintf("%.0f days", d.Hours()/24)
	}
	if d >= time.Minute {
		return d.Round(time.Second).String()
	}
	return d.Round(100 * time.Millisecond).String()
}
