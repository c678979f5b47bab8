package proxy

import (
	"context"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/guard"
)

// Policy is how the owner wants calls carried. Zero values mean the default.
type Policy struct {
	Strict bool   // refuse with 400 what cannot be carried
	Mode   string // auto, passthrough, translation

	MaxRetryAfter time.Duration // a longer retry-after goes to the client instead; default 5 s

	Hold         time.Duration // how long frames before content are kept back, default 10 s
	KeepAlive    time.Duration // silence after which a stream gets a sign of life, default 15 s
	WriteTimeout time.Duration // a client that takes nothing for so long is gone, default 30 s

	Abort      bool          // cancel the upstream when the client leaves, instead of draining
	DrainTime  time.Duration // how long to read on for the usage, default 10 s
	DrainBytes int64         // how much, default 256 KiB
	MaxDrains  int64         // how many at once, default 64

	Loop guard.Loop // when an agent that repeats itself is told and stopped

	MaxAnswer int64 // bytes of a whole answer, default 64 MiB
	MaxFrame  int   // bytes of one frame, default 16 MiB
}

func (p *Policy) fill() {
	def(&p.MaxRetryAfter, 5*time.Second)
	def(&p.Hold, 10*time.Second)
	def(&p.KeepAlive, 15*time.Second)
	def(&p.WriteTimeout, 30*time.Second)
	def(&p.DrainTime, 10*time.Second)
	def(&p.DrainBytes, 256<<10)
	def(&p.MaxDrains, 64)
	def(&p.MaxAnswer, 64<<20)
	def(&p.MaxFrame, 16<<20)
}

func def[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// sleep waits, or reports that the client has left.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
