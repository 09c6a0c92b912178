package writer

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
)

// canCreate returns nil if the namespace is not there and the connection's own credentials may make it.
func (l *Loader) canCreate(ctx context.Context, name string) (err error) {
	c, err := l.options.dial(ctx, Keyspace{})
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, c.abort)()
	defer func() { err = errors.Join(err, c.Close()) }()
	_, err = c.Do(ctx, "NAMESPACE", "GET", name).Result() // its token, which is not looked at
	reply, ok := errorReply(err)
	switch {
	case err == nil:
		return l.namespaceExists(name)
	case !ok:
		return l.options.connectError(err)
	case reply == "(nil)":
		return nil
	}
	return l.refusedNamespace(name, reply)
}

// CreateNamespaces makes the namespaces of databases, by name, with the tokens of their places. The connection's own
// password must be the server's requirepass. What is there already, with that token, stays as it is.
func CreateNamespaces(ctx context.Context, o Options, names map[int]string) (err error) {
	if o, err = o.checked(); err != nil {
		return err
	}
	l := &Loader{options: o}
	c, err := o.dial(ctx, Keyspace{})
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, c.abort)()
	defer func() { err = errors.Join(err, c.Close()) }()
	for _, db := range slices.Sorted(maps.Keys(names)) {
		err := c.Do(ctx, "NAMESPACE", "ADD", names[db], o.Keyspaces[db].Token).Err()
		if reply, ok := errorReply(err); ok {
			return l.refusedNamespace(names[db], reply)
		}
		if err != nil {
			return o.connectError(err)
		}
	}
	return nil
}

func (l *Loader) namespaceExists(name string) error {
	return preflightError("target %s has a namespace %s, with another token: give its token, or another name (--map-db N=VAR@NAME)", l.options.Addr, name)
}

// refusedNamespace never repeats a reply that it does not know: the command had a token (SERVERS.md K16).
func (l *Loader) refusedNamespace(name, reply string) error {
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
		return l.namespaceExists(name)
	}
	if advice == "" {
		advice = "look into the server's log, or make it by hand: NAMESPACE ADD"
	}
	return preflightError("namespace %s cannot be made on target %s: %s", name, l.options.Addr, advice)
}
