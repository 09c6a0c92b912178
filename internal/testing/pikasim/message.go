package pikasim

import "google.golang.org/protobuf/encoding/protowire"

// Kinds of messages of the replication port, codes of replies and of TrySync. Both directions are
// in testdata/transcripts/binlog-*.
const (
	metaSync        = 1
	trySync         = 2
	binlogSync      = 4
	removeSlaveNode = 6

	codeOK    = 1
	codeError = 2
	codeOther = 3

	tryOK     = 1
	tryPurged = 2
	tryLarger = 3
	tryError  = 4
)

// replicaRequest is what a replica sends: fields that its kind does not have are zero.
type replicaRequest struct {
	kind       uint64
	node       nodeName
	auth, db   string
	start, end logPosition
	session    uint64
	first      bool
}

// wire is a protobuf by field number, the first one of each: Pika takes no other.
type wire map[protowire.Number]struct {
	n uint64
	b []byte
}

func parseWire(b []byte) wire {
	w := wire{}
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			break
		}
		b = b[n:]
		f, known := w[num]
		switch typ {
		case protowire.VarintType:
			f.n, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			f.b, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(num, typ, b)
		}
		if n < 0 {
			break
		}
		if b = b[n:]; !known {
			w[num] = f
		}
	}
	return w
}

func (w wire) in(num protowire.Number) wire     { return parseWire(w[num].b) }
func (w wire) text(num protowire.Number) string { return string(w[num].b) }
func (w wire) node() nodeName                   { return nodeName{w.text(1), w[2].n} }
func (w wire) position() logPosition            { return logPosition{int64(w[1].n), int64(w[2].n)} }

// parseMessage reads a request; the body of a kind is in the field one above its number.
func parseMessage(b []byte) replicaRequest {
	w := parseWire(b)
	q := replicaRequest{kind: w[1].n}
	body := w.in(protowire.Number(q.kind + 1))
	switch q.kind {
	case metaSync:
		q.node, q.auth = body.in(1).node(), body.text(2)
	case trySync:
		q.node, q.db, q.start = body.in(1).node(), body.in(2).text(1), body.in(3).position()
	case binlogSync:
		q.node, q.db = body.in(1).node(), body.text(2)
		q.start, q.end = body.in(4).position(), body.in(5).position()
		q.session, q.first = body[6].n, body[7].n != 0
	case removeSlaveNode:
		body = w.in(removeSlaveNode)
		q.node, q.db = body.in(1).node(), body.in(2).text(1)
	}
	return q
}

// message is a reply that is being written.
type message []byte

func (m message) number(num protowire.Number, n uint64) message {
	return protowire.AppendVarint(protowire.AppendTag(m, num, protowire.VarintType), n)
}

func (m message) bytes(num protowire.Number, b []byte) message {
	return protowire.AppendBytes(protowire.AppendTag(m, num, protowire.BytesType), b)
}

func (m message) text(num protowire.Number, s string) message { return m.bytes(num, []byte(s)) }

func (m message) slot(num protowire.Number, db string) message {
	return m.bytes(num, message{}.text(1, db).number(2, 0))
}

func offsetOf(p logPosition) message {
	return message{}.number(1, uint64(p.file)).number(2, uint64(p.offset))
}

// response begins a reply; what it says in words is text 3.
func response(kind, code uint64) message { return message{}.number(1, kind).number(2, code) }

// databases is the answer to MetaSync.
func (m message) databases(s *Server) message {
	body := message{}.number(1, 1) // classic mode
	for _, db := range s.dbs {
		d := message{}.text(1, db.name).number(2, 1)
		if s.opt.Version.oneType() {
			d = d.number(3, 3) // db-instance-num
		}
		body = body.bytes(2, d)
	}
	if !s.opt.Version.old() {
		body = body.text(3, s.runID()).text(4, s.master.id)
	}
	return m.bytes(4, body)
}

// trySync is the answer to TrySync; at is nil without a database, session if it is refused.
func (m message) trySync(code uint64, db string, at *logPosition, session *uint64) message {
	body := message{}.number(1, code).slot(2, db)
	if at != nil {
		body = body.bytes(3, offsetOf(*at))
	}
	if session != nil {
		body = body.number(4, *session)
	}
	return m.bytes(6, body)
}

// item is an item of the binlog with where it ends; without data it is a ping.
func (m message) item(db string, it logItem, session uint64) message {
	at := offsetOf(it.end).number(3, 0).number(4, it.number)
	return m.bytes(7, message{}.slot(1, db).bytes(2, at).bytes(3, it.data).number(4, session))
}

// removed is the answer to RemoveSlaveNode, with the master's address.
func (m message) removed(ip string, port uint64, db string) message {
	return m.bytes(8, message{}.bytes(1, message{}.text(1, ip).number(2, port)).slot(2, db))
}
