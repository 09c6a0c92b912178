// Package verify compares what a server holds with what a dump holds: type, value and
// expiry of every key, element by element, large keys in pieces.
//
// It knows no server. What is to be read is a [question.Question]; a [Server], which the command
// provides, fills in what it holds. A [Checker] takes the records of a dump, asks in flights
// of bounded size, and hands each [Difference] to Options.Report. Nothing but the flight
// at hand is kept: keys that differ go to a [Spool], for the next round.
package verify
