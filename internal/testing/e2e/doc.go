// Package e2e tests the whole way from a Pika to a Kvrocks with the real binaries: a data set made
// from a seed is written to a source, pikadump dumps it, kvload loads the dump, and what the target
// then holds is compared with the data set, key by key.
//
// Sources are simulated Pikas of each version, and the real ones at PIKA_ADDR
// (host:port,host:port). Targets are a redis-server that the tests start, and the real Kvrocks at
// KVROCKS_ADDR; clusters are three redis-servers that the tests start, and the real Kvrocks cluster
// of which KVROCKS_CLUSTER_ADDR is a node. Real servers must be on this host, and lose their data:
// the tests send them FLUSHALL. E2E_MEMORY=1 measures the peak memory of both tools with large data
// as well. There is no code here but tests.
package e2e
