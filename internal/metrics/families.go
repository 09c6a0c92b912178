package metrics

import "github.com/prometheus/client_golang/prometheus"

// A family is a metric of ours: its name behind that of the tool, what it is, and its labels.
type family struct {
	name, help string
	kind       prometheus.ValueType
	labels     []string
}

const (
	counter = prometheus.CounterValue
	gauge   = prometheus.GaugeValue
)

var (
	byPhase  = []string{"phase"}
	byPart   = []string{"phase", "target", "db", "type"}
	byReason = []string{"phase", "reason"}
	byServer = []string{"phase", "role", "addr"}
)

// Families, as docs/operations/monitoring.md lists them.
var (
	buildInfo = &family{"build_info", "The version of the tool.", gauge, []string{"version", "goversion"}}
	runInfo   = &family{"run_info", "Which run this is, and of which dump.", gauge, []string{"run", "dump"}}
	active    = &family{"phase_active", "1 while a phase of the run is under way, 0 when it is over.", gauge, byPhase}
	keys      = &family{"keys_total", "Keys that are done, by this run and those that it resumes.", counter, byPart}
	elements  = &family{"elements_total", "Elements of keys that are done: fields, members, entries; 1 of a string.", counter, byPart}
	size      = &family{"bytes_total", "Bytes of keys and values that are done, not compressed.", counter, byPart}
	ratio     = &family{"progress_ratio", "Share of the phase that is done, 0 to 1; missing where it is not known.", gauge, byPhase}
	remaining = &family{"remaining_seconds", "Time that the rest of the phase takes at the speed of late; missing where it is not known.", gauge, byPhase}
	chunks    = &family{"chunks_total", "Chunk files that are done, by this run.", counter, byPhase}
	lag       = &family{"lag_seconds", "How far a run that follows is behind its source, by the source's clock.", gauge, byPhase}
	lagBinlog = &family{"lag_binlog_bytes", "Binlog that the source has written since; missing where it is not known.", gauge, byPhase}
	lagNames  = &family{"lag_names", "Names that were written since, as far as they are known; missing where they are not.", gauge, byPhase}
	deltas    = &family{"deltas_total", "Deltas that this run has made or loaded.", counter, byPhase}
	leftOut   = &family{"left_out_total", "Keys and elements that were left out.", counter, byReason}
	retries   = &family{"retries_total", "Transient errors that were retried.", counter, []string{"phase", "kind"}}
	waits     = &family{"wait_seconds_total", "Time that connections waited, summed over all of them.", counter, byReason}
	waiting   = &family{"waiting_connections", "Connections that wait now.", gauge, byReason}

	serverUp     = &family{"server_up", "1 if the server answered when it was last asked how it fares, else 0.", gauge, byServer}
	serverTook   = &family{"server_info_seconds", "How long the server took to say how it fares (INFO).", gauge, byServer}
	serverOps    = &family{"server_operations_per_second", "Commands that the server runs for all its clients.", gauge, byServer}
	serverCPU    = &family{"server_cpu_cores", "Cores that the server keeps busy.", gauge, byServer}
	serverMemory = &family{"server_memory_bytes", "Memory that the server uses.", gauge, byServer}
	serverDisk   = &family{"server_disk_bytes", "Disk that the data of the server take.", gauge, byServer}
	serverStalls = &family{"server_write_stalls_total", "Times that the storage of the server held writes back since the phase began.", counter, byServer}

	lastProgress = &family{"last_progress_timestamp_seconds", "When something was done for the last time.", gauge, nil}
	lastEnd      = &family{"last_end_timestamp_seconds", "When the run ended.", gauge, nil}
	lastCode     = &family{"last_exit_code", "The exit code of the run.", gauge, nil}
	lastSuccess  = &family{"last_success_timestamp_seconds", "When a run ended with exit code 0 for the last time.", gauge, nil}
)
