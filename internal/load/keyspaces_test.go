package load

import (
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// TestParseKeyspaces: the connection's own place is a database if the URI names one.
func TestParseKeyspaces(t *testing.T) {
	env := func(name string) string { return map[string]string{"NS": "t"}[name] }
	own := target.Keyspace{DB: 3}
	places, _, err := ParseKeyspaces("0=default, 1=db:0,2=NS", own, env)
	if err != nil {
		t.Fatal(err)
	}
	for db, want := range []target.Keyspace{own, {}, {Token: "t"}} {
		if places[db] != want {
			t.Errorf("database %d goes to %+v, want %+v", db, places[db], want)
		}
	}
	if _, _, err := ParseKeyspaces("0=default,1=db:3", own, env); err == nil {
		t.Error("two databases go to the connection's own")
	}
	if places, _, err := ParseKeyspaces("", own, env); places != nil || err != nil {
		t.Errorf("nothing given: %v, %v", places, err)
	}
}
