package admin

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/testserver"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// rocksdb is INFO rocksdb of a Kvrocks 2.10.1, shortened, with the numbers of a test.
func rocksdb(slow, stop, pending string) string {
	return "# RocksDB\r\nblock_cache_usage:0\r\nestimate_keys[default]:0\r\nlevel0_file_limit_slowdown[default]:" + slow + "\r\nlevel0_file_limit_stop[default]:" + stop + "\r\n" +
		"pending_compaction_bytes_slowdown[metadata]:0\r\npending_compaction_bytes_stop[metadata]:0\r\nmemtable_count_limit_slowdown[metadata]:7\r\nmemtable_count_limit_stop[metadata]:\r\n" +
		"num_immutable_tables:1\r\nnum_running_flushes:0\r\nnum_running_compactions:3\r\nnum_background_errors:0\r\nis_compacting:no\r\n" + pending
}

func TestObserver(t *testing.T) {
	text, other := "", map[string]string{
		"stats": "instantaneous_ops_per_sec:1200\r\n", "cpu": "used_cpu_sys:1.5\r\nused_cpu_user:2\r\n",
		"memory": "used_memory_rss:4096\r\n", "keyspace": "used_db_size:77\r\nused_percent: 0%\r\n",
	}
	f := testserver.Start(t, func(cmd []string) (string, bool) {
		if len(cmd) != 2 || !strings.EqualFold(cmd[0], "INFO") {
			return "", false
		}
		if cmd[1] == "rocksdb" {
			return testserver.Bulk(text), true
		}
		return testserver.Bulk(other[cmd[1]]), other[cmd[1]] != ""
	})
	l, err := target.Open(t.Context(), target.Options{Addr: f.Addr})
	if err != nil {
		t.Fatal(err)
	}
	o, err := NewObserver(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	for i, look := range []struct{ text, want string }{
		{rocksdb("5", "1", ""), "3 compactions"},
		{rocksdb("5", "1", ""), "3 compactions"},
		{rocksdb("6", "1", ""), "3 compactions, writes delayed"},
		{rocksdb("7", "2", "estimate_pending_compaction_bytes[default]:1073741824\r\nestimate_pending_compaction_bytes[stream]:536870912\r\n"), "3 compactions, 1.5 GiB pending, writes stopped"},
		{rocksdb("", "", "num_background_errors:2\r\n"), "3 compactions, 2 background errors"},
		{"# RocksDB\r\n", ""},
	} {
		f.Do(func() { text = look.text })
		h, err := o.Look(t.Context())
		if notes := strings.Join(h.Notes(), ", "); err != nil || notes != look.want {
			t.Errorf("look %d: %q, want %q; %v", i, notes, look.want, err)
		}
		if got := fmt.Sprint(h.Ops, h.CPUSeconds, h.Memory, h.Disk); got != "1200 3.5 4096 77" {
			t.Errorf("look %d: %s", i, got)
		}
	}
}
