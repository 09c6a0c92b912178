package pikasim

import (
	"maps"
	"strconv"
)

// configuration is the parameters CONFIG GET knows; SET takes effect for
// cache-model, write-binlog, binlog-file-size, expire-logs-nums and max-client-response-size.
type configuration map[string]string

// newConfiguration has the values of the recorded servers.
func newConfiguration(opt Options) configuration {
	values := configuration{
		"databases":                strconv.Itoa(opt.Databases),
		"timeout":                  "60",
		"thread-pool-size":         "12",
		"write-binlog":             "yes",
		"instance-mode":            "classic",
		"max-client-response-size": "1073741824",
		"maxclients":               "2000",
		"requirepass":              opt.Password,
		"slave-read-only":          "yes",
		"binlog-file-size":         "104857600",
		"expire-logs-nums":         "10",
	}
	if opt.Version.old() {
		values["thread-pool-size"] = "4"
	} else {
		values["slotmigrate"] = "no"
		values["slow-cmd-pool"] = "no"
		values["slow-cmd-list"] = ""
		values["cache-model"] = "1"
	}
	opt.Version.removeSettings(values)
	maps.Copy(values, opt.Config)
	return values
}

// number is a parameter that is a number.
func (f configuration) number(name string) int64 {
	n, _ := strconv.ParseInt(f[name], 10, 64)
	return n
}

// caching tells whether the cache in front of the store answers some reads.
func (f configuration) caching() bool {
	model, known := f["cache-model"]
	return known && model != "0"
}
