// Package leftout keeps the list of what a load, or a rollback, has left out: the keys, and members
// of keys, that are in the dump and not on the target, each with its reason.
//
//	report := &leftout.Report{Path: path}   // report.Add(unit, l) for each, report.Close()
//	list, err := leftout.ReadList(file)     // list.Holds(db, kind, key, nil)
//
// It never decides what is left out.
package leftout
