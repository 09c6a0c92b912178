package progress

import (
	"fmt"
	"strings"
)

// Line returns a Snapshot as a line of a log.
func Line(s Snapshot) string {
	var b strings.Builder
	b.WriteString(s.Phase)
	if s.Total.Share != nil {
		b.WriteString(" " + percentOf(s, s.Total))
	}
	if s.countsKeys() {
		b.WriteString(", " + Plural(s.Total.Keys, "key", "keys") + ", " + short(s.Total.KeysRate) + " keys/s")
	}
	fmt.Fprintf(&b, ", %s/s, elapsed %s%s", Bytes(int64(s.Total.BytesRate)), seconds(s.Elapsed), leftText(s))
	for _, d := range s.details(false) {
		b.WriteString("; " + d.text)
	}
	return b.String()
}

// A detail is what a Snapshot says beside what is done, in a colour of a Frame.
type detail struct{ text, colour string }

const mostServers = 4

// details say how far a run is behind, why it waits, and how the servers and this process fare.
// Addresses are those of servers, where there is only one as well.
func (s Snapshot) details(addresses bool) (all []detail) {
	if s.Lag != nil {
		all = append(all, detail{text: lagText(s.Lag)})
	}
	waits, colour := waitText(s)
	all = append(all, detail{waits, colour})
	for i, server := range s.Servers {
		if i == mostServers && len(s.Servers) > mostServers+1 {
			all = append(all, detail{text: "and " + Plural(len(s.Servers)-i, "server more", "servers more")})
			break
		}
		name, colour := server.Role, ""
		if addresses || len(s.Servers) > 1 {
			name += " " + server.Addr
		}
		if server.Refused != "" {
			colour = yellow
		}
		all = append(all, detail{name + ": " + serverText(server), colour})
	}
	all = append(all, detail{text: fmt.Sprintf("this process: CPU %.0f%%, memory %s", 100*s.Own.CPU, Bytes(s.Own.Resident))})
	if s.Note != "" {
		all = append(all, detail{text: s.Note})
	}
	return all
}

// leftText says how long the rest takes, after a comma; and what that is guessed from.
func leftText(s Snapshot) string {
	from := ""
	if s.Estimate != "" {
		from = " (estimate: " + s.Estimate + ")"
	}
	switch {
	case s.Ended, s.Lag != nil: // who follows is not done before he is told so
		return ""
	case s.Left != nil:
		return ", about " + roundLeft(*s.Left) + " left" + from
	case s.Total.Share == nil:
		return ", time left not known"
	case s.Estimate != "" && *s.Total.Share >= almost:
		return ", more than estimated" + from
	}
	return ", time left not known yet" + from
}

// roundLeft writes a time without what nobody can know: one that jumps by seconds looks exact.
func roundLeft(s float64) string {
	step := 1.0
	switch {
	case s >= 6*3600:
		step = 600
	case s >= 3600:
		step = 60
	case s >= 600:
		step = 30
	case s >= 120:
		step = 10
	case s >= 30:
		step = 5
	}
	return WithoutZeros(seconds(max(1, float64(int(s/step+0.5))) * step))
}

func lagText(l *Lag) string {
	text := seconds(l.Seconds) + " behind"
	if l.Binlog != nil {
		text += ", " + Bytes(*l.Binlog) + " of binlog"
	}
	if l.Names != nil {
		text += ", " + Plural(*l.Names, "name", "names")
	}
	return text + "; " + Plural(l.Deltas, "delta", "deltas")
}

// waitText says why connections wait, and how often something was retried.
func waitText(s Snapshot) (text, colour string) {
	var parts []string
	for _, w := range s.Waits {
		switch {
		case w.Now > 0 && w.Detail != "":
			parts, colour = append(parts, w.Detail), yellow
		case w.Share >= 0.005:
			parts, colour = append(parts, fmt.Sprintf("%s %.0f%% of the time", w.Reason, 100*w.Share)), yellow
		}
	}
	if parts == nil {
		parts = []string{"none"}
	}
	return fmt.Sprintf("waits: %s; retries: %s", strings.Join(parts, ", "), Count(s.Retries)), colour
}

func serverText(s Server) string {
	if s.Refused != "" {
		return "not known: " + s.Refused
	}
	var parts []string
	if s.Ops != nil {
		parts = append(parts, short(*s.Ops)+" ops/s")
	}
	if s.CPU != nil {
		parts = append(parts, fmt.Sprintf("CPU %.0f%%", 100**s.CPU))
	}
	parts = append(parts, s.Notes...)
	if s.Stalls != nil {
		parts = append(parts, Plural(*s.Stalls, "write stall", "write stalls"))
	}
	if s.Memory != nil {
		parts = append(parts, "memory "+Bytes(*s.Memory))
	}
	if s.Disk != nil {
		parts = append(parts, "disk "+Bytes(*s.Disk))
	}
	if parts == nil {
		return "it has not answered yet"
	}
	return strings.Join(parts, ", ")
}
