package pikasim

// What Pika 2.3.6, 3.0.2 and 3.0.3 do differently from 3.4.0, read in the source of those tags and
// of nemo, the storage of 2.x. None of it was recorded from a running server.

// infoLog is INFO log, which has the binlog position before 3.1.
func (c *call) infoLog(t *infoText) {
	if !c.version().early() {
		return
	}
	t.line("# Log")
	t.fields("log_size:0 log_size_human:0M safety_purge:none expire_logs_days:7 expire_logs_nums:10")
	t.line("binlog_offset:%d %d", c.db.binlog.at.file, c.db.binlog.at.offset)
}

// storeFree remembers a position under the first cursor from want on that is free.
func (t *cursors) storeFree(under kind, want int64, at string) int64 {
	for ; ; want++ {
		if _, taken := t.load(scanIndex(under, want)); !taken {
			t.store(scanIndex(under, want), at)
			return want
		}
	}
}

// scoreRows lists a zset by score.
func (z *zset) scoreRows(_ string, each func(string, func(*reply)) bool) {
	for _, s := range z.byScore() {
		if !each(s.member, func(r *reply) { r.text(s.member); r.text(formatScore(s.score)) }) {
			return
		}
	}
}

// offsetPage writes a page of HSCAN, SSCAN or ZSCAN of 2.x: the cursor is how many elements went
// before, zsets are listed by score, and small hashes and zsets come whole.
func offsetPage(cursor, count int64, v listed, page *reply) (n int, next int64) {
	size := int64(v.size())
	if cursor >= size {
		cursor = 0
	}
	list := v.rows
	switch z, isZset := v.(*zset); {
	case isZset:
		list = z.scoreRows
		if size <= 128 {
			count = 128
		}
	case v.kind() == hashKind && size <= 512:
		count = 512
	}
	at := int64(0)
	list("", func(_ string, write func(*reply)) bool {
		if at++; at <= cursor {
			return true
		}
		if count == 0 {
			next = at - 1
			return false
		}
		count--
		write(page)
		n++
		return true
	})
	return n, next
}
