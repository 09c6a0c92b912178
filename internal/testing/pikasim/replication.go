package pikasim

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"
)

// The replication port is this much above the port of the commands.
const replicationShift = 2000

// Bounds and times of the replication port (pika_rm.h, pika_conf.h).
const (
	syncWindow    = 9000 // items that may be sent and not acknowledged
	syncBatch     = 100  // items of a message
	replicaPing   = 2 * time.Second
	replicaSilent = 20 * time.Second
	maxRequest    = 1 << 20
)

// master is the replication port. Its own fields are guarded by Server.mu.
type master struct {
	port
	server   *Server
	id       string     // replication ID, made for the first replica
	replicas []*replica // that have sent a MetaSync
	nodes    []*node
	sessions map[*database]uint64
}

// replica is a connection to the replication port.
type replica struct {
	conn  net.Conn
	names []nodeName
	out   []byte
	cut   bool // close after out
	wake  chan struct{}
}

// nodeName is by which a replica is known: it need not be reachable there.
type nodeName struct {
	ip   string
	port uint64
}

// sentItem is an item that waits until it is acknowledged by where it ends.
type sentItem struct {
	end   logPosition
	acked bool
}

// node is a replica's state for one database.
type node struct {
	name         nodeName
	db           *database
	to           *replica
	session      uint64
	active       bool // has sent its first BinlogSync
	sent, acked  logPosition
	window       []sentItem
	more         bool // acknowledged since the last look
	heard, spoke time.Time
}

// serve talks to a replica.
func (m *master) serve(conn net.Conn) {
	r := &replica{conn: conn, wake: make(chan struct{}, 1)}
	gone := make(chan struct{})
	m.server.running.Go(func() { m.receive(r); close(gone) })
	m.send(r, gone)
}

// wakeUp makes the sender of a replica look.
func (r *replica) wakeUp() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// wake makes the senders of all databases look.
func (m *master) wake() {
	for _, n := range m.nodes {
		n.to.wakeUp()
	}
}

// receive handles the messages of a replica until it goes, or must.
func (m *master) receive(r *replica) {
	for !r.cut {
		var head [4]byte
		if _, err := io.ReadFull(r.conn, head[:]); err != nil {
			break
		}
		n := binary.BigEndian.Uint32(head[:])
		if n > maxRequest {
			break
		}
		b := make([]byte, n)
		if _, err := io.ReadFull(r.conn, b); err != nil {
			break
		}
		m.server.mu.Lock()
		m.answer(r, parseMessage(b))
		m.server.mu.Unlock()
		r.wakeUp()
	}
	m.server.mu.Lock()
	defer m.server.mu.Unlock()
	m.replicas = slices.DeleteFunc(m.replicas, func(other *replica) bool { return other == r })
	m.nodes = slices.DeleteFunc(m.nodes, func(n *node) bool { return n.to == r })
}

// send writes replies and items to a replica. It looks every 100 ms, as PikaAuxiliaryThread does,
// and whenever there is something.
func (m *master) send(r *replica, gone chan struct{}) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-r.wake:
		case <-tick.C:
		case <-gone:
			return
		}
		m.server.mu.Lock()
		m.collect(r, time.Now())
		out, cut := r.out, r.cut
		r.out = nil
		m.server.mu.Unlock()
		if _, err := r.conn.Write(out); err != nil || cut {
			return
		}
	}
}

// reply queues a message.
func (r *replica) reply(m message) {
	r.out = append(binary.BigEndian.AppendUint32(r.out, uint32(len(m))), m...)
}

// collect queues the items that the replica's nodes may have, and pings. New items are read when
// all that was sent is acknowledged; an acknowledgement alone makes room in the window.
func (m *master) collect(r *replica, now time.Time) {
	m.nodes = slices.DeleteFunc(m.nodes, func(n *node) bool {
		return n.to == r && now.Sub(n.heard) > m.server.opt.ReplicaSilence
	})
	for _, n := range m.nodes {
		if n.to != r {
			continue
		}
		b := &n.db.binlog
		var items []logItem
		if n.active && (n.sent == n.acked || n.more) {
			items = b.items[b.after(n.sent):]
			items = items[:min(len(items), syncWindow-len(n.window))]
		}
		n.more = false
		for batch := range slices.Chunk(items, syncBatch) {
			reply := response(binlogSync, codeOK)
			for _, it := range batch {
				reply = reply.item(n.db.name, it, n.session)
				n.window = append(n.window, sentItem{end: it.end})
				n.sent = it.end
			}
			r.reply(reply)
			n.spoke = now
		}
		if n.sent == n.acked && now.Sub(n.spoke) > replicaPing {
			r.reply(response(binlogSync, codeOK).item(n.db.name, logItem{}, n.session))
			n.spoke = now
		}
	}
}

// database is the one of a name, or nil.
func (m *master) database(name string) *database {
	i := slices.IndexFunc(m.server.dbs, func(db *database) bool { return db.name == name })
	if i < 0 {
		return nil
	}
	return m.server.dbs[i]
}

// find is a replica's state for a database, or nil.
func (m *master) find(name nodeName, db *database) *node {
	i := slices.IndexFunc(m.nodes, func(n *node) bool { return n.name == name && n.db == db })
	if i < 0 {
		return nil
	}
	return m.nodes[i]
}

// answer handles a request.
func (m *master) answer(r *replica, q replicaRequest) {
	switch q.kind {
	case metaSync:
		m.metaSync(r, q)
	case trySync:
		m.trySync(r, q)
	case binlogSync:
		r.cut = !m.binlogSync(q)
	case removeSlaveNode:
		db := m.database(q.db)
		m.nodes = slices.DeleteFunc(m.nodes, func(n *node) bool { return n.name == q.node && n.db == db })
		own := m.server.clients.Addr().(*net.TCPAddr)
		r.reply(response(removeSlaveNode, codeOK).removed(own.IP.String(), uint64(own.Port), q.db))
	}
}

// metaSync makes a replica known, by its name, once.
func (m *master) metaSync(r *replica, q replicaRequest) {
	v := m.server.opt.Version
	known := slices.ContainsFunc(m.replicas, func(other *replica) bool { return slices.Contains(other.names, q.node) })
	switch {
	case m.server.opt.Password != "" && q.auth != m.server.opt.Password:
		r.reply(response(metaSync, codeError).text(3, "Auth with master error, Invalid masterauth"))
		return
	case known:
		r.reply(response(metaSync, codeOther).text(3, "Slave AlreadyExist"))
		return
	}
	if len(r.names) == 0 {
		m.replicas = append(m.replicas, r)
	}
	r.names = append(r.names, q.node)
	if m.id == "" && !v.old() {
		m.id = fmt.Sprintf("%050x", m.server.run)
	}
	r.reply(response(metaSync, codeOK).databases(m.server))
}

// trySync looks whether the binlog can be read from a position.
func (m *master) trySync(r *replica, q replicaRequest) {
	db := m.database(q.db)
	if db == nil {
		text := map[bool]string{true: "Partition not found", false: "DB not found"}[m.server.opt.Version.old()]
		r.reply(response(trySync, codeError).text(3, text).trySync(tryError, q.db, nil, nil))
		return
	}
	b, code, session := &db.binlog, uint64(tryOK), (*uint64)(nil)
	switch {
	case b.at.before(q.start):
		code = tryLarger
	case q.start.file < b.oldest:
		code = tryPurged
	case !b.begins(q.start):
		code = tryError
	default:
		n := m.find(q.node, db)
		if n == nil {
			n = &node{name: q.node, db: db, session: m.sessions[db], heard: time.Now(), spoke: time.Now()}
			m.sessions[db]++
			m.nodes = append(m.nodes, n)
		}
		n.to, session = r, &n.session
	}
	r.reply(response(trySync, codeOK).trySync(code, q.db, &b.at, session))
}

// binlogSync starts to send, or takes an acknowledgement; what it does not expect cuts the
// connection, and what it does not know it ignores.
func (m *master) binlogSync(q replicaRequest) (ok bool) {
	db := m.database(q.db)
	n := m.find(q.node, db)
	if n == nil || n.session != q.session {
		return true
	}
	n.heard = time.Now()
	switch {
	case q.first:
		n.active, n.sent, n.acked, n.window = true, q.start, q.start, nil
		return q.start == q.end
	case q.start == logPosition{} && q.end == logPosition{}:
		return true // a ping
	}
	at := func(p logPosition) int {
		return slices.IndexFunc(n.window, func(it sentItem) bool { return it.end == p })
	}
	from, to := at(q.start), at(q.end)
	if from < 0 || to < from {
		return false
	}
	for i := range n.window[from : to+1] {
		n.window[from+i].acked = true
	}
	for len(n.window) > 0 && n.window[0].acked {
		n.acked, n.window = n.window[0].end, n.window[1:]
	}
	n.more = true
	return true
}

// needs is the lowest of a file and those that replicas have not acknowledged.
func (m *master) needs(db *database, file int64) int64 {
	for _, n := range m.nodes {
		if n.db == db && n.active {
			file = min(file, n.acked.file)
		}
	}
	return file
}

// listen opens the port of the commands and, if asked for, the one for replicas above it.
func listen(opt Options) (commands, replicas net.Listener, err error) {
	for range 100 {
		if commands, err = net.Listen("tcp", opt.Addr); err != nil || !opt.Replication {
			return commands, nil, err
		}
		addr := *commands.Addr().(*net.TCPAddr)
		addr.Port += replicationShift
		if replicas, err = net.ListenTCP("tcp", &addr); err == nil || !strings.HasSuffix(opt.Addr, ":0") {
			return commands, replicas, err
		}
		_ = commands.Close() // the other one was taken
	}
	return nil, nil, err
}
