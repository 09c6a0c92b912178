package conn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/resp"
)

// IsTimeout reports whether err is of a server that did not answer in time.
func IsTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// TryArgument reports whether the server takes an argument of n bytes, here the name of a key that
// it is asked for. An error is of the connection: often the reply is lost with it.
func (c *Conn) TryArgument(ctx context.Context, n int) (bool, error) {
	defer context.AfterFunc(ctx, c.Abort)()
	zeros := make([]byte, 64<<10)
	head := fmt.Appendf(nil, "*2\r\n$6\r\nEXISTS\r\n$%d\r\n", n)
	write := func(b []byte) error {
		if err := c.net.SetDeadline(time.Now().Add(c.timeout)); err != nil {
			return err
		}
		_, err := c.net.Write(b)
		return err
	}
	err := write(head)
	for left := n; left > 0 && err == nil; left -= len(zeros) {
		err = write(zeros[:min(left, len(zeros))])
	}
	if err == nil {
		err = write([]byte("\r\n"))
	}
	// What it said before it closed the connection may be there still.
	var reply resp.Reply
	c.replies.Reset()
	if _, rerr := c.replies.Read(1, func(int) *resp.Reply { return &reply }); rerr != nil {
		return false, errors.Join(err, rerr)
	}
	return !strings.Contains(reply.Text, "Protocol error"), nil
}
