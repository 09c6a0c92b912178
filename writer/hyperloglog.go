package writer

import (
	"fmt"
	"slices"
)

// HLLPolicy says what becomes of Pika's HyperLogLogs, which no Kvrocks can take as
// such (SERVERS.md K9).
type HLLPolicy int

// The ways to treat a HyperLogLog.
const (
	LeaveOut HLLPolicy = iota // report ReasonHyperLogLog
	AsString                  // SET the registers: the bytes are kept, PFCOUNT refuses them
)

var hllPolicyNames = [...]string{LeaveOut: "leave-out", AsString: "string"}

func (p HLLPolicy) String() string {
	if p < 0 || int(p) >= len(hllPolicyNames) {
		return fmt.Sprintf("HLLPolicy(%d)", int(p))
	}
	return hllPolicyNames[p]
}

// ParseHLLPolicy returns the HLLPolicy called s.
func ParseHLLPolicy(s string) (HLLPolicy, error) {
	if i := slices.Index(hllPolicyNames[:], s); i >= 0 {
		return HLLPolicy(i), nil
	}
	return 0, fmt.Errorf("unknown way to treat hyperloglogs %q: it is leave-out or string", s)
}
