package reader

import "github.com/pika2kvrocks/pika2kvrocks/format"

// collections gives each type of collection its reader.
var collections = map[format.Type]collection{
	format.TypeHash: hash{}, format.TypeList: list{}, format.TypeSet: set{}, format.TypeZset: zset{},
}
