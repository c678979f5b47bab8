package service

import "golang.org/x/sys/windows/svc"

// Obey calls end each time this daemon is told to end other than by a signal,
// until done is called with the error that it ends with: by the system if it is
// one of its services, else by gateway stop.
func Obey(end func()) (done func(error), err error) {
	if is, err := svc.IsWindowsService(); err != nil || !is {
		silence, err := obeyBell(end)
		if err != nil {
			return nil, err
		}
		return func(error) { silence() }, nil
	}
	s := &servant{end: end, done: make(chan error, 1)}
	left := make(chan struct{})
	go func() {
		defer close(left)
		if svc.Run(serviceName, s) != nil {
			end() // nobody is left to be served
		}
	}()
	return func(err error) {
		s.done <- err
		<-left
	}, nil
}

// failedCode is the service's own code for an end by an error.
const failedCode = 1

// servant is the daemon as the system sees it.
type servant struct {
	end  func()
	done chan error // what the daemon has ended with
}

// Execute implements svc.Handler. A code other than 0 has the system start the
// service again, which one that was told to stop is not to be.
func (s *servant) Execute(_ []string, orders <-chan svc.ChangeRequest, say chan<- svc.Status) (own bool, code uint32) {
	running := svc.Status{State: svc.Running, Accepts: svc.AcceptStop | svc.AcceptShutdown}
	say <- running
	told := false
	for {
		select {
		case err := <-s.done:
			if err != nil && !told {
				return true, failedCode
			}
			return false, 0
		case order := <-orders:
			switch order.Cmd {
			case svc.Interrogate:
				say <- order.CurrentStatus
			case svc.Stop, svc.Shutdown:
				told = true
				say <- svc.Status{State: svc.StopPending}
				s.end()
			}
		}
	}
}
