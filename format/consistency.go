package format

import "strconv"

// The statements of a Consistency.
const (
	NoWrites     = "no write happened during the dump"
	Writes       = "writes happened during the dump"
	CannotBeTold = "cannot be told"
)

// Consistency says whether the dump is of one moment.
type Consistency struct {
	Statement string `json:"statement"`
	Reason    string `json:"reason"`
}

// Judge sets Consistency by the binlog positions before and after the dump.
func (m *Manifest) Judge() { m.Consistency = judge(&m.Source, m.BinlogAfter) }

func judge(s *Source, after []BinlogPosition) Consistency {
	switch {
	case s.WriteBinlog == "unknown":
		return Consistency{CannotBeTold, "whether the source writes a binlog is not known"}
	case s.WriteBinlog != "yes":
		return Consistency{CannotBeTold, "the source writes no binlog (write-binlog is " + s.WriteBinlog + ")"}
	case len(s.Binlog) == 0 || len(s.Binlog) != len(after):
		return Consistency{CannotBeTold, "the source did not show its binlog positions, it was restarted meanwhile, or can have been (3.4 shows no run id), or another server took its address"}
	}
	if err := s.Contradicts(&Source{RunID: s.RunID, Role: s.Role, Binlog: after}); err != nil {
		return Consistency{CannotBeTold, err.Error()}
	}
	for i, b := range s.Binlog {
		if after[i] != b {
			return Consistency{Writes, "the binlog position of db" + strconv.Itoa(b.DB) +
				" moved: keys that were written meanwhile are in the dump as they were at one moment or another"}
		}
	}
	return Consistency{NoWrites, "the binlog positions before and after the dump are equal"}
}
