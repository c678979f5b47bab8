package service

import "golang.org/x/sys/windows/svc"

// Obey calls end each time this daemon is told to end other than by a signal,
// until done is called: by the system if it is one of its services, else by
// gateway stop.
func Obey(end func()) (done func(), err error) {
	if is, err := svc.IsWindowsService(); err != nil || !is {
		return obeyBell(end)
	}
	s := &servant{end: end, done: make(chan struct{})}
	left := make(chan struct{})
	go func() {
		defer close(left)
		if svc.Run(serviceName, s) != nil {
			end() // nobody is left to be served
		}
	}()
	return func() {
		close(s.done)
		<-left
	}, nil
}

// servant is the daemon as the system sees it.
type servant struct {
	end  func()
	done chan struct{} // closed when the daemon has ended
}

// Execute implements svc.Handler.
func (s *servant) Execute(_ []string, orders <-chan svc.ChangeRequest, say chan<- svc.Status) (own bool, code uint32) {
	running := svc.Status{State: svc.Running, Accepts: svc.AcceptStop | svc.AcceptShutdown}
	say <- running
	for {
		select {
		case <-s.done:
			return false, 0
		case order := <-orders:
			switch order.Cmd {
			case svc.Interrogate:
				say <- order.CurrentStatus
			case svc.Stop, svc.Shutdown:
				say <- svc.Status{State: svc.StopPending}
				s.end()
			}
		}
	}
}
