package verifytarget

import (
	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/leftout"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/verify"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// Compare returns how a target is compared with a dump that was loaded by the rules.
func Compare(t *target.Target, rules *rewrite.Rules, hll writer.HLLPolicy) verify.Options {
	o := verify.Options{
		Refuses: t.Refuses, NoZeroSign: !t.KeepsZeroSign(), Expire: rules.ExpireFunc(), Budget: archive.NewMemory(budget),
		Clock: t.Now,
	}
	if !t.KeepsMilliseconds() {
		o.RoundedMs = 1000
	}
	o.Name = func(db int, kind format.Kind, key []byte) ([]byte, verify.Class) {
		name, reason := rules.Rename(db, kind, key)
		switch {
		case kind == format.HyperLogLog && hll == writer.LeaveOut, reason == leftout.Prefix:
			return nil, verify.LeftOut
		case reason != "":
			return nil, verify.ConflictLoser
		case rules.IsSuffixed(db, kind, key):
			return name, verify.Renamed
		}
		return name, ""
	}
	return o
}
