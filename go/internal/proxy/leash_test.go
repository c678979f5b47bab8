package proxy

import (
	"context"
	"errors"
	"testing"
	"time"
)

type valueKey struct{}

func TestLeashOutlivesTheClient(t *testing.T) {
	client, leave := context.WithCancelCause(context.WithValue(t.Context(), valueKey{}, "kept"))
	l := newLeash(client)
	leave(errors.New("left"))
	if l.Err() != nil || context.Cause(l) != nil {
		t.Fatalf("it ended with the client: %v, cause %v", l.Err(), context.Cause(l))
	}
	if got := l.Value(valueKey{}); got != "kept" {
		t.Errorf("its value is %v", got)
	}
	child, cancel := context.WithTimeout(l, time.Hour)
	defer cancel()
	asked := l.Done()
	l.cancel()
	l.cancel()
	<-asked
	<-l.Done()
	<-child.Done()
	if !errors.Is(l.Err(), context.Canceled) || !errors.Is(child.Err(), context.Canceled) {
		t.Errorf("after the end: %v, of a child %v", l.Err(), child.Err())
	}
}

func TestLeashTellsWhoStillWantsToKnow(t *testing.T) {
	l := newLeash(t.Context())
	told := make(chan string, 4)
	l.AfterFunc(func() { told <- "first" })
	stop := l.AfterFunc(func() { told <- "stopped" })
	context.AfterFunc(l, func() { told <- "context" })
	if !stop() || stop() {
		t.Error("a hook is stopped once")
	}
	l.cancel()
	late := l.AfterFunc(func() { told <- "late" })
	got := map[string]bool{}
	for range 3 {
		got[<-told] = true
	}
	if !got["first"] || !got["context"] || !got["late"] || late() {
		t.Errorf("told: %v", got)
	}
	select {
	case name := <-told:
		t.Errorf("told too: %s", name)
	case <-time.After(10 * time.Millisecond):
	}
}
