package pikasim

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"
)

// infoText is a section being written, with CR LF line ends.
type infoText struct {
	strings.Builder
}

func (t *infoText) line(format string, args ...any) { fmt.Fprintf(t, format+"\r\n", args...) }

// fields writes a line for each of the words, which are name:value.
func (t *infoText) fields(words string) {
	for word := range strings.FieldsSeq(words) {
		t.line("%s", word)
	}
}

// info is INFO section. Of the sections it has server, data, stats, log, replication and keyspace;
// another one is answered empty, as an unknown one is.
func info(c *call) {
	var t infoText
	section := map[string]func(*infoText){
		"server": c.infoServer, "data": c.infoData, "stats": c.infoStats, "log": c.infoLog,
		"replication": c.infoReplication, "keyspace": c.infoKeyspace,
	}[c.word(1)]
	if section != nil {
		section(&t)
	}
	c.out.text(t.String())
}

func (c *call) infoServer(t *infoText) {
	up := c.server.opt.Clock().Sub(c.server.started)
	_, port, _ := net.SplitHostPort(c.server.Addr())
	version := c.version()
	if version == V401 {
		version = V400 // both patch releases call themselves so
	}
	t.line("# Server")
	t.line("pika_version:%s", version)
	t.line("pika_git_sha:%040x", 0)
	t.line("pika_build_compile_date: 2026-11-22 08:25:13")
	t.line("os:Linux 6.18.44 x86_64")
	t.line("arch_bits:64")
	t.line("process_id:%d", os.Getpid())
	t.line("tcp_port:%s", port)
	t.fields("thread_num:1 sync_thread_num:6")
	if !version.old() {
		t.line("sync_binlog_thread_num:1")
	}
	t.line("uptime_in_seconds:%d", int64(up/time.Second))
	t.line("uptime_in_days:%d", int64(up/(24*time.Hour))+1)
	t.fields("config_file:pika.conf server_id:1")
	if !version.old() {
		t.line("run_id:%s", c.server.runID())
	}
}

func (c *call) infoData(t *infoText) {
	t.line("# Data")
	t.fields("db_size:0 db_size_human:0M log_size:0 log_size_human:0M compression:snappy used_memory:0 used_memory_human:0M")
	t.fields("db_memtable_usage:0 db_tablereader_usage:0")
	if c.version() == V355 {
		t.fields("db_block_cache_usage:0 db_redis_cache_usage:0")
	}
	if c.version().old() {
		t.fields("db_fatal:0 db_fatal_msg:NULL")
	} else {
		t.fields("db_fatal:0 db_fatal_msg:nullptr")
	}
}

func (c *call) infoStats(t *infoText) {
	t.line("# Stats")
	t.fields("total_connections_received:0 instantaneous_ops_per_sec:0 total_commands_processed:0")
	if !c.version().old() {
		t.fields("total_net_input_bytes:0 total_net_output_bytes:0 total_net_repl_input_bytes:0 total_net_repl_output_bytes:0")
		t.fields("instantaneous_input_kbps:0 instantaneous_output_kbps:0")
		t.fields("instantaneous_input_repl_kbps:0 instantaneous_output_repl_kbps:0")
	}
	t.fields("is_bgsaving:No is_scaning_keyspace:No is_compact:No compact_cron: compact_interval:")
	if c.version().old() {
		return
	}
	t.line("is_slots_reloading:No, , 0")
	t.line("is_slots_cleaningup:No, , 0")
	t.line("is_slots_migrating:No, , 0")
	t.line("slow_logs_count:0")
}

// infoReplication has the binlog position of each database. The lines of a
// slave are from Pika's source, those of a master were recorded.
func (c *call) infoReplication(t *infoText) {
	v, slave := c.version(), c.server.replica
	t.line("# Replication(%s)", strings.ToUpper(c.server.role()))
	t.line("role:%s", c.server.role())
	if !v.old() {
		t.line("ReplicationID:%s", c.server.master.id)
	}
	if slave {
		t.fields("master_host:127.0.0.1 master_port:9221 master_link_status:up slave_priority:100 slave_read_only:1")
	} else {
		c.server.master.info(t)
	}
	if !v.old() && !slave {
		t.line("is_eligible_for_master_election:true")
	}
	if v.early() {
		return // it is in INFO log
	}
	separator, total, size := ":", int64(0), c.server.config.number("binlog-file-size")
	if v.old() {
		separator = " "
	}
	for i, db := range c.server.dbs {
		t.line("db%d%sbinlog_offset=%d %d,safety_purge=none", i, separator, db.binlog.at.file, db.binlog.at.offset)
		total += db.binlog.at.file*size + db.binlog.at.offset
	}
	if !v.old() {
		t.line("slave_repl_offset:%d", total)
	}
}

// info writes what INFO replication tells of replicas.
func (m *master) info(t *infoText) {
	lines := []string{}
	for _, r := range m.replicas {
		for _, name := range r.names {
			lag := ""
			for _, db := range m.server.dbs {
				behind := "not syncing"
				if n := m.find(name, db); n != nil && n.active {
					size := m.server.config.number("binlog-file-size")
					at := db.binlog.at
					behind = fmt.Sprint((at.file-n.sent.file)*size + at.offset - n.sent.offset)
				}
				lag += "(" + db.name + ":" + behind + ")"
			}
			lines = append(lines, fmt.Sprintf("ip=%s,port=%d,conn_fd=%d,lag=%s", name.ip, name.port, 100+len(lines), lag))
		}
	}
	t.line("connected_slaves:%d", len(lines))
	for i, line := range lines {
		t.line("slave%d:%s", i, line)
	}
}

// censusTitles names the lines, by kind. 3.5 does not count streams.
var censusTitles = [kinds]string{"Strings", "Hashes", "Lists", "Zsets", "Sets", "Streams"}

// infoKeyspace is INFO keyspace [0|1 [db0,db1]]: the last counts of the databases, before 1 takes
// new ones. Since 3.5 plain INFO keyspace shows none.
func (c *call) infoKeyspace(t *infoText) {
	dbs, takes := c.server.dbs, len(c.args) > 2 && c.word(2) == "1"
	if len(c.args) == 4 {
		named := strings.Split(c.str(3), ",")
		dbs = slices.DeleteFunc(slices.Clone(dbs), func(db *database) bool { return !slices.Contains(named, db.name) })
	}
	t.line("# Keyspace")
	if !c.version().old() {
		if len(c.args) == 3 {
			t.line("# Start async statistics")
		} else {
			t.line(`# Use "info keyspace 1" to do async statistics`)
		}
		if len(c.args) < 3 {
			dbs = nil
		}
	}
	for _, db := range dbs {
		c.censusHead(t, db.census)
		for k := range kinds {
			if k == streamKind && !db.oneType {
				continue
			}
			n := db.census.counts[k]
			t.line("%s %s_keys=%d, expires=%d, invalid_keys=%d", db.name, censusTitles[k], n.keys, n.expires, n.invalid)
			if k == setKind || k == streamKind {
				t.line("")
			}
		}
		if takes {
			db.take(c.now, c.server.opt.Clock())
		}
	}
}

// censusHead tells when a count was taken; before the first one in the words recorded.
func (c *call) censusHead(t *infoText, last census) {
	switch {
	case !last.taken.IsZero():
		t.line("# Time:%s", last.taken.UTC().Format(time.DateTime))
		t.line("# Duration: 0s")
	case c.version().old():
		t.line("# Time:1970-01-01 08:00:00")
	default:
		t.line("# Time:0")
	}
}

// dbSize is DBSIZE: the keys of the last count, 0 before the first.
func dbSize(c *call) {
	var n int64
	for _, count := range c.db.census.counts[:] {
		n += count.keys
	}
	if !c.db.oneType {
		n -= c.db.census.counts[streamKind].keys
	}
	c.out.integer(n)
}
