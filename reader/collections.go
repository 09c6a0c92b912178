package reader

import "github.com/pika2kvrocks/pika2kvrocks/format"

var (
	sets       = scanned{"SSCAN", format.Set, format.TypeSet, 1}
	zsets      = zset{scanned{"ZSCAN", format.Zset, format.TypeZset, 2}}
	hashCursor = scanned{"HSCAN", format.Hash, format.TypeHash, 2} // where there is nothing better
)

// collections gives each type of collection its reader.
var collections = map[format.Type]collection{
	format.TypeHash: hash{}, format.TypeList: list{}, format.TypeSet: sets, format.TypeZset: zsets,
}
