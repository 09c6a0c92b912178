package export

import (
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// Watch has a meter, which may be nil, expect units, and returns what is to be told of each that
// was read.
func Watch(m *progress.Meter, units []archive.Unit) (done func(archive.Unit)) {
	part := func(u archive.Unit) *progress.Counter {
		return m.Part(progress.Name{DB: u[0].DB, Type: string(u[0].Type)})
	}
	for _, u := range units {
		part(u).Expect(u.Stored())
	}
	return func(u archive.Unit) {
		for _, c := range u {
			part(u).Add(c.Keys, c.Raw, c.Size)
			part(u).AddElements(c.Elements)
		}
		part(u).UnitDone()
		m.Chunk(int64(len(u)))
	}
}
