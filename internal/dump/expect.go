package dump

import (
	"context"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// partOf is what counts the keys of a type.
func partOf(m *progress.Meter, db int, t format.Type) *progress.Counter {
	return m.Part(progress.Name{DB: db, Type: string(t)})
}

// expect counts what earlier runs have dumped, and says about how much there is to be done, where
// the source tells.
func (c *scan) expect(ctx context.Context) error {
	m, options := c.o.Meter, c.w.Info.Options
	if m == nil {
		return nil
	}
	volume, err := c.s.Volume(ctx, options.Databases)
	if err != nil {
		return err
	}
	c.n.byKeys = volume.Keys || volume.From == "" && c.counting
	share := c.o.share()
	if volume.From == "" || volume.All == 0 {
		share = 0
	}
	all, told, every := int64(0), true, true // of what is dumped
	for _, db := range options.Databases {
		for _, t := range options.Types {
			part, has := partOf(m, db, t), c.w.Holding(db, t)
			work := has.Keys
			if !c.n.byKeys {
				work = rowsOf(t, has)
			}
			part.AddEarlier(has.Keys, has.Raw, work)
			part.AddElements(has.Elements)
			n, ok := int64(0), db < len(volume.ByType)
			if ok {
				n, ok = volume.ByType[db][t]
			}
			switch {
			case ok && share > 0:
				part.Expect(int64(share * float64(n)))
				if t == format.TypeString || c.n.byKeys { // whose rows are keys
					part.ExpectKeys(int64(share * float64(n)))
				}
				all += int64(share * float64(n))
			case !ok:
				every = false
				told = told && volume.ByType != nil
			}
		}
	}
	switch {
	case share == 0:
	case every:
		m.Estimate(volume.From)
	case told:
		m.Estimate(volume.From)
		m.ExpectAll(all)
	case c.o.Selection.DBs == nil && c.o.Selection.Types == nil:
		m.Estimate(volume.From)
		m.ExpectAll(int64(share * float64(volume.All)))
	}
	return nil
}

// expectCounted says how many keys there are to be dumped once the source has counted them, where
// it did not tell of rows.
func (c *scan) expectCounted(ctx context.Context) {
	m, options, share := c.o.Meter, c.w.Info.Options, c.o.share()
	if m == nil || share == 0 || !c.counting || !c.n.byKeys {
		return
	}
	for _, db := range options.Databases {
		counts, err := c.s.Counted(ctx, db)
		if err != nil {
			return // it is shown without
		}
		for _, t := range options.Types {
			if n, ok := counts[t]; ok {
				part := partOf(m, db, t)
				part.ExpectKeys(int64(share*float64(n.Keys)) - part.Expected())
				part.Expect(int64(share*float64(n.Keys)) - part.Expected())
			}
		}
	}
	m.Estimate("INFO keyspace")
}

// rowsOf is reader.Rows of what chunks hold.
func rowsOf(t format.Type, s format.Stats) int64 {
	switch t {
	case format.TypeString:
		return s.Keys
	case format.TypeZset:
		return s.Keys + 2*s.Elements
	}
	return s.Keys + s.Elements
}

// share returns about which share of the source's keys is dumped; 0: that cannot be told.
func (o *Options) share() float64 {
	f := 1.0
	switch {
	case o.Selection.LimitKeys > 0 || o.Selection.Match != "":
		return 0
	case o.Selection.Sample != nil:
		f = o.Selection.Sample.Share()
	}
	if o.Shard != nil {
		f /= float64(o.Shard.Of)
	}
	return f
}
