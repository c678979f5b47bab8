package proxy

import (
	"sync"
	"time"
)

// keeper looks at every open stream once a second. One goroutine looks after
// them all; a timer a stream would cost more than the stream.
type keeper struct {
	mu   sync.Mutex
	open map[*answer]struct{}
	stop chan struct{}
	done chan struct{}
}

func newKeeper() *keeper {
	k := &keeper{open: make(map[*answer]struct{}), stop: make(chan struct{}), done: make(chan struct{})}
	go k.run()
	return k
}

// watch looks after a until the function it returns is called.
func (k *keeper) watch(a *answer) (release func()) {
	k.mu.Lock()
	k.open[a] = struct{}{}
	k.mu.Unlock()
	return func() {
		k.mu.Lock()
		delete(k.open, a)
		k.mu.Unlock()
		a.close()
	}
}

func (k *keeper) run() {
	defer close(k.done)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var batch []*answer
	for {
		select {
		case <-k.stop:
			return
		case now := <-tick.C:
			batch = batch[:0]
			k.mu.Lock()
			for a := range k.open {
				batch = append(batch, a)
			}
			k.mu.Unlock()
			for _, a := range batch {
				a.tick(now)
			}
		}
	}
}

func (k *keeper) close() {
	close(k.stop)
	<-k.done
}
