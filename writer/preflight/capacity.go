package preflight

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
)

func (f *Facts) checkConnections(need *Need) Check {
	most, known := f.number("clients", "maxclients")
	now, told := f.number("clients", "connected_clients")
	if !known || !told || most == 0 {
		return Check{Name: checkConnections, Found: fmt.Sprintf("%d are needed; the server does not tell how many it takes", need.Connections)}
	}
	c := Check{Name: checkConnections, Found: fmt.Sprintf("%d are needed, %d of %d are in use", need.Connections, now, most)}
	now-- // this one
	if now+int64(need.Connections) > most {
		c.Level, c.Advice = Failed, "raise maxclients (CONFIG SET maxclients), or use fewer --threads"
	}
	return c
}

// checkDisk: how well the target compresses is not known, nor what its compactions need meanwhile.
func (f *Facts) checkDisk(need *Need) Check {
	capacity, ok1 := f.number("keyspace", "disk_capacity")
	used, ok2 := f.number("keyspace", "used_disk_size")
	if !ok1 || !ok2 || capacity < used {
		return Check{Name: checkDisk, Level: Warning, Found: "the server does not tell what is free", Advice: "see that " + conn.Size(need.Raw) + " fit, twice for compactions"}
	}
	free := capacity - used
	c := Check{Name: checkDisk, Found: fmt.Sprintf("%s are free, the dump has %s uncompressed", conn.Size(free), conn.Size(need.Raw))}
	switch {
	case free < need.Raw:
		c.Level, c.Advice = Failed, "free space on the target, or take it with --accept disk: compression may make it fit"
	case free/2 < need.Raw:
		c.Level, c.Advice = Warning, "compactions need room of their own for a while"
	}
	return c.partly(need)
}

// partly warns only, when nobody knows how much of the dump will be written.
func (c Check) partly(need *Need) Check {
	if c.Level == Failed && need.Partly {
		c.Level = Warning
		c.Found += ", of which a part is there already or is not chosen"
	}
	return c
}

func (f *Facts) checkMaxDBSize(need *Need) Check {
	limit, known := f.number("keyspace", "max_db_size")
	if !known {
		return Check{Name: checkMaxDBSize, Found: "the server has none, or does not tell"}
	}
	if limit == 0 {
		return Check{Name: checkMaxDBSize, Found: "no limit"}
	}
	used, _ := f.number("keyspace", "used_db_size")
	// The size is of the namespace, the limit and the percentage of all (SERVERS.md K17).
	percent := strings.TrimSpace(strings.TrimSuffix(f.Sections["keyspace"]["used_percent"], "%"))
	if p, err := strconv.ParseFloat(percent, 64); err == nil && p >= 0 && p < 1e6 {
		used = max(used, int64(p/100*float64(limit)))
	}
	c := Check{Name: checkMaxDBSize, Found: fmt.Sprintf("%s of %s are used, the dump has %s uncompressed", conn.Size(used), conn.Size(limit), conn.Size(need.Raw))}
	// The server sees the limit only when it has written files, so it can be behind.
	switch {
	case used >= limit:
		c.Level, c.Advice = Failed, "it takes no more writes: raise max-db-size (CONFIG SET max-db-size GIGABYTES; 0 is no limit)"
	case limit-used < need.Raw:
		c.Level, c.Advice = Failed, fmt.Sprintf("raise it (CONFIG SET max-db-size %d; 0 is no limit), or take it with --accept max-db-size: compression may make it fit",
			(used+need.Raw)>>30+1)
		c = c.partly(need)
	}
	return c
}

func (f *Facts) checkMemory(need *Need) Check {
	used, ok := f.number("memory", "used_memory")
	limit, limited := f.number("memory", "maxmemory")
	total, _ := f.number("memory", "total_system_memory")
	if !ok {
		return Check{Name: checkMemory, Found: "not told"}
	}
	found, advice := "%s of maxmemory %s are used, the dump has %s uncompressed", "raise maxmemory"
	if !limited || limit == 0 {
		limit, found, advice = total, "no maxmemory; %s of the host's %s are used, the dump has %s uncompressed", "use a larger host"
	}
	if limit <= 0 {
		return Check{Name: checkMemory, Found: fmt.Sprintf("no maxmemory, %s are used", conn.Size(used))}
	}
	c := Check{Name: checkMemory, Found: fmt.Sprintf(found, conn.Size(used), conn.Size(limit), conn.Size(need.Raw))}
	if limit-used < need.Raw {
		c.Level, c.Advice = Failed, advice+", or take it with --accept memory; a Redis keeps all in memory"
	}
	return c.partly(need)
}

func (f *Facts) checkEviction() Check {
	policy := f.Sections["memory"]["maxmemory_policy"]
	limit, _ := f.number("memory", "maxmemory")
	switch {
	case policy == "":
		return Check{Name: checkEviction, Found: "not told"}
	case policy == "noeviction":
		return Check{Name: checkEviction, Found: policy}
	case limit == 0:
		return Check{Name: checkEviction, Found: policy + ", but there is no maxmemory"}
	}
	return Check{Name: checkEviction, Level: Failed, Found: "maxmemory-policy is " + policy + ": keys are removed without a word when memory is short",
		Advice: "CONFIG SET maxmemory-policy noeviction for the load, or take it with --accept eviction"}
}
