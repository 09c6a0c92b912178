package minitarget

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/alicebob/miniredis/v2/server"
)

// admin answers what is not about keys.
func (k *Kvrocks) admin(c *server.Peer, s *session, cmd string, args []string) bool {
	sub := ""
	if len(args) > 0 {
		sub = strings.ToUpper(args[0])
	}
	switch {
	case cmd == "AUTH" && len(args) == 1:
		k.auth(c, s, args[0])
	case cmd == "SELECT":
		c.WriteOK() // SERVERS.md K3
	case (cmd == "CONFIG" || cmd == "NAMESPACE" || cmd == "COMPACT") && s.namespace != defaultNamespace:
		c.WriteError("ERR admin permission required to perform the command")
	case cmd == "NAMESPACE" && sub == "ADD":
		k.tokens[args[2]] = args[1]
		c.WriteOK()
	case cmd == "NAMESPACE" && sub == "GET":
		k.tokenOf(c, args[1])
	case cmd == "CONFIG" && sub == "GET" && len(args) == 2:
		pair := []string{}
		if v, ok := k.config[args[1]]; ok {
			pair = []string{args[1], v}
		}
		c.WriteStrings(pair)
	case cmd == "CONFIG" && sub == "SET" && len(args) == 3:
		k.config[args[1]] = args[2]
		c.WriteOK()
	case cmd == "COMPACT":
		c.WriteOK()
	case cmd == "CLIENT" && sub == "INFO":
		c.WriteBulk(fmt.Sprintf("id=2 addr=127.0.0.1:33724 fd=20 name= age=0 idle=0 flags=N "+
			"namespace=%s qbuf=0 obuf=0 cmd=client\n", s.namespace))
	case cmd == "INFO" && sub == "KEYSPACE":
		c.WriteBulk(k.keyspace(s.namespace))
	case cmd == "INFO":
		c.WriteBulk(k.info(strings.ToLower(sub)))
	case cmd == "DBSIZE":
		k.dbSize(c, s.namespace, sub)
	case cmd == "COMMAND" && sub == "INFO" && slices.ContainsFunc(args[1:], isApplyBatch):
		c.WriteLen(len(args) - 1)
		for _, a := range args[1:] {
			k.commandInfo(c, a)
		}
	default:
		return false
	}
	return true
}

func isApplyBatch(cmd string) bool { return strings.EqualFold(cmd, "applybatch") }

// commandInfo knows APPLYBATCH alone.
func (k *Kvrocks) commandInfo(c *server.Peer, cmd string) {
	if !isApplyBatch(cmd) {
		c.WriteNull()
		return
	}
	flags := []string{"write", "no-multi"}
	if strings.HasPrefix(k.options.Version, "2.10.") {
		flags = flags[:1]
	}
	c.WriteLen(6)
	c.WriteBulk("applybatch")
	c.WriteInt(-2)
	c.WriteStrings(flags)
	for range 3 {
		c.WriteInt(0)
	}
}

func (k *Kvrocks) auth(c *server.Peer, s *session, password string) {
	namespace, ok := k.tokens[password]
	switch {
	case k.options.Password == "":
		c.WriteError("ERR Client sent AUTH, but no password is set")
		return
	case password == k.options.Password:
		namespace = defaultNamespace
	case !ok:
		c.WriteError("ERR Invalid password")
		return
	}
	s.namespace = namespace
	k.run(c, "SELECT", fmt.Sprint(k.dbOf(namespace))) // answers OK
}

// tokenOf answers NAMESPACE GET.
func (k *Kvrocks) tokenOf(c *server.Peer, namespace string) {
	for token, name := range k.tokens {
		if name == namespace {
			c.WriteBulk(token)
			return
		}
	}
	c.WriteNull()
}

// info is what INFO says, as far as anybody asks.
func (k *Kvrocks) info(section string) string {
	return map[string]string{
		"server": "# Server\r\nversion:" + k.options.Version + "\r\nkvrocks_version:" + k.options.Version +
			"\r\nredis_version:4.0.0\r\ngit_sha1:dc4d5303\r\nkvrocks_git_sha1:dc4d5303\r\n" +
			"redis_mode:standalone\r\nkvrocks_mode:standalone\r\narch_bits:64\r\n",
		"replication": "# Replication\r\nrole:master\r\nconnected_slaves:0\r\nmaster_repl_offset:" + strconv.Itoa(k.writes) + "\r\n",
		"persistence": "# Persistence\r\nloading:0\r\n",
		"rocksdb":     "# RocksDB\r\nestimate_keys[metadata]:" + strconv.Itoa(k.keys(defaultNamespace).keys) + "\r\nnum_running_compactions:0\r\n",
	}[section]
}
