package main

import "github.com/pika2kvrocks/pika2kvrocks/reader"

// warnings returns what to know of a source before it is read.
func warnings(src *reader.Source) []string {
	texts := []string{}
	if src.Role == "slave" {
		texts = append(texts, "the source is a replica: what it has not received yet is not in the dump")
		if src.Link != "" && src.Link != "up" {
			texts = append(texts, "its link to the master is "+src.Link+": it may be far behind")
		}
		if !src.ManyTypes() {
			texts = append(texts, "replicas of Pika 4.0 lose keys that were set with SETEX or PEXPIRE (upstream issue 3117): dump the master")
		}
	}
	if src.CacheModel != "" && src.CacheModel != "0" {
		texts = append(texts, "the source's own cache is on (cache-model "+src.CacheModel+"): under LRANGE and TTL of many keys it has been seen to hang; "+
			"--source-cache-off turns it off for the run")
	}
	return texts
}
