package conn

import (
	"testing"
	"time"
)

func TestChecked(t *testing.T) {
	for name, o := range map[string]Options{
		"no address":        {},
		"timeout":           {Addr: "a", ReadTimeout: -1},
		"user":              {Addr: "a", Username: "u"},
		"no keyspace":       {Addr: "a", Keyspaces: map[int]Keyspace{}},
		"same keyspace":     {Addr: "a", Keyspaces: map[int]Keyspace{0: {Token: "t"}, 1: {Token: "t"}}},
		"token and db":      {Addr: "a", Keyspaces: map[int]Keyspace{0: {Token: "t", DB: 1}}},
		"negative database": {Addr: "a", Keyspaces: map[int]Keyspace{0: {DB: -1}}},
	} {
		if _, err := o.Checked(); err == nil {
			t.Errorf("%s: these options are taken", name)
		}
	}
	if o, err := (Options{Addr: "a"}).Checked(); err != nil || len(o.Keyspaces) != 1 || o.ReadTimeout != 2*time.Minute {
		t.Errorf("defaults: %+v, %v", o, err)
	}
}
