package main

import (
	"errors"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/follow"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// classify returns the exit code of the reader's errors.
func classify(err error) int {
	switch {
	case errors.Is(err, reader.ErrAuth):
		return exitcode.Auth
	case errors.Is(err, reader.ErrRefused):
		return exitcode.Refused
	case errors.Is(err, reader.ErrUnavailable):
		return exitcode.TryAgain
	case follow.CannotFollow(err):
		return exitcode.Refused
	}
	return 0
}
