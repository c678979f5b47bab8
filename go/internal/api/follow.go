package api

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// signPause is how long a follower hears nothing before a sign of life.
const signPause = 15 * time.Second

// follow sends the stream of an answer of the owner from a sequence number on,
// and what is still to come of it.
func (d *Door) follow(c *gin.Context, owner, id string, from int) {
	h := c.Writer.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache")
	c.Writer.WriteHeader(http.StatusOK)
	rc := http.NewResponseController(c.Writer)
	_ = rc.Flush() // a writer that cannot has nothing to flush
	ctx, said := c.Request.Context(), time.Now()
	for {
		frames, over, err := d.room.Events(ctx, owner, id, from, signPause)
		if err != nil {
			d.log.Warn("a response cannot be followed to its end", "id", id, "error", err.Error())
			return // the client sees a stream without an end, and may come again
		}
		from += len(frames)
		if len(frames) == 0 && !over && time.Since(said) >= signPause {
			frames = [][]byte{d.codecs[llm.Responses].AppendKeepAlive(nil)}
		}
		_ = rc.SetWriteDeadline(time.Now().Add(sendTime)) // a writer without deadlines has its own
		for _, frame := range frames {
			said = time.Now()
			if _, err := c.Writer.Write(frame); err != nil {
				return
			}
		}
		if len(frames) > 0 && rc.Flush() != nil || over || ctx.Err() != nil {
			return
		}
	}
}
