package preflight

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// canCreate returns nil if the namespace is not there and the connection's own credentials may make
// it.
func canCreate(ctx context.Context, o *target.Options, name string) error {
	c, err := o.Dial(ctx, target.Keyspace{})
	if err != nil {
		return err
	}
	defer c.Close()
	token, err := c.Do(ctx, "NAMESPACE", "GET", name) // its token, which is not looked at
	reply, refused := conn.AsReply(err)
	switch {
	case refused:
		return refusedNamespace(o.Addr, name, reply)
	case err != nil:
		return c.Refused("NAMESPACE", err)
	case token.Kind == 0:
		return nil
	}
	return namespaceExists(o.Addr, name)
}

// CreateNamespaces makes the namespaces of databases, by name, with the tokens of their keyspaces.
// The connection's own password must be the server's requirepass. What is there already, with that
// token, stays as it is.
func CreateNamespaces(ctx context.Context, o target.Options, names map[int]string) error {
	o, err := o.Checked()
	if err != nil {
		return err
	}
	c, err := o.Dial(ctx, target.Keyspace{})
	if err != nil {
		return err
	}
	defer c.Close()
	for _, db := range slices.Sorted(maps.Keys(names)) {
		_, err := c.Do(ctx, "NAMESPACE", "ADD", names[db], o.Keyspaces[db].Token)
		if reply, ok := conn.AsReply(err); ok {
			return refusedNamespace(o.Addr, names[db], reply)
		}
		if err != nil {
			return c.Refused("NAMESPACE", err)
		}
	}
	return nil
}

func namespaceExists(addr, name string) error {
	return conn.Preflightf("target %s has a namespace %s, with another token: give its token, or another name (--map-db N=VAR@NAME)", addr, name)
}

// refusedNamespace never repeats a reply that it does not know: the command had a token (SERVERS.md
// K16).
func refusedNamespace(addr, name, reply string) error {
	advice := ""
	for text, a := range map[string]string{
		"admin permission":        "the password of the connection is that of a namespace: give the server's requirepass",
		"requirepass was empty":   "the server has no password, and then no namespaces: set requirepass in its configuration, and give it as the password",
		"cluster mode":            "a cluster has no namespaces: load each database into a server, or a cluster, of its own",
		"configuration file":      "start the server with a configuration file (-c FILE), or with repl-namespace-enabled yes",
		"Authentication required": "give the server's requirepass as the password",
		"size exceed limit":       "give a shorter name (--map-db N=VAR@NAME)",
		"illegal letter":          "give another name (--map-db N=VAR@NAME)",
		"default namespace":       "give another name (--map-db N=VAR@NAME)",
		"duplicated with":         "its token is the server's own password: give it another",
		"token already exists":    "its token is that of another namespace: give it another",
	} {
		if strings.Contains(reply, text) {
			advice = a
		}
	}
	if strings.Contains(reply, "namespace already exists") {
		return namespaceExists(addr, name)
	}
	advice = cmp.Or(advice, "look into the server's log, or make it by hand: NAMESPACE ADD")
	return conn.Preflightf("namespace %s cannot be made on target %s: %s", name, addr, advice)
}
