package update

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"
)

const (
	day  = 24 * time.Hour
	look = time.Hour // how often the clock is looked at: a machine may have slept
)

// Memory is where an installation notes its checks, for all its instances.
type Memory interface {
	UpdateState(ctx context.Context) ([]byte, error)
	SwapUpdateState(ctx context.Context, old, fresh []byte) (bool, error)
}

// State is what the last check found.
type State struct {
	Checked time.Time `json:"checked"`          // zero: never
	Latest  string    `json:"latest,omitempty"` // release; "" not known
}

// Options are what a Checker is made of.
type Options struct {
	Memory  Memory
	Enabled func() bool // asked before each check
	Address func() (Address, error)
	Facts   func(ctx context.Context) Facts
	Delay   time.Duration // of the first check
	Log     *slog.Logger
	Now     func() time.Time // nil: time.Now
}

// Checker asks for the latest release once a day.
type Checker struct {
	Options
	told string // the release that was logged last
}

// New is a Checker that does nothing yet.
func New(o Options) *Checker {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Checker{Options: o}
}

// Run checks until ctx ends.
func (c *Checker) Run(ctx context.Context) {
	pause := c.Delay
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		c.Daily(ctx)
		pause = look
	}
}

// Daily checks if it is allowed to and the last check was a day ago. Only a
// newer release is news; failure is for those who look for it.
func (c *Checker) Daily(ctx context.Context) {
	if !c.Enabled() {
		c.Log.Debug("the update check is off")
		return
	}
	s, err := c.daily(ctx)
	if err != nil {
		c.Log.Debug("the update check failed", "error", err.Error())
		return
	}
	current := c.Facts(ctx).Version
	if s.Latest != c.told && Newer(s.Latest, current) {
		c.told = s.Latest
		c.Log.Info("a newer version is out", "version", s.Latest, "this", current)
	}
}

// daily notes the check before it asks, so that neither a failure nor the end
// of the process makes it ask twice a day.
func (c *Checker) daily(ctx context.Context) (State, error) {
	note, s, err := recall(ctx, c.Memory)
	if err != nil {
		return s, err
	}
	now := c.Now().UTC()
	if now.Sub(s.Checked).Abs() < day { // clocks differ
		return s, nil
	}
	s.Checked = now
	asked, mine, err := c.note(ctx, note, s)
	if err != nil || !mine {
		return s, err
	}
	return c.ask(ctx, asked, s)
}

// Check asks now, whenever the last check was.
func (c *Checker) Check(ctx context.Context) (State, error) {
	if !c.Enabled() {
		return State{}, ErrOff
	}
	note, s, err := recall(ctx, c.Memory)
	s.Checked = c.Now().UTC()
	if err != nil { // a database that is not prepared keeps nobody from asking
		note = nil
	}
	return c.ask(ctx, note, s)
}

// ErrOff says that the check is switched off, and that nothing was sent.
var ErrOff = errors.New("the update check is switched off; nothing was sent")

func (c *Checker) ask(ctx context.Context, note []byte, s State) (State, error) {
	at, err := c.Address()
	if err != nil {
		return s, err
	}
	latest, err := Ask(ctx, at, c.Facts(ctx))
	if err != nil {
		return s, err
	}
	s.Latest = latest
	if _, _, err := c.note(ctx, note, s); err != nil {
		c.Log.Debug("the latest release is not noted", "error", err.Error())
	}
	return s, nil
}

// note writes a state over the note old, unless another instance was first.
func (c *Checker) note(ctx context.Context, old []byte, s State) (fresh []byte, mine bool, err error) {
	fresh, err = json.Marshal(s)
	if err != nil {
		return nil, false, err
	}
	mine, err = c.Memory.SwapUpdateState(ctx, old, fresh)
	return fresh, mine, err
}

// Recall returns what the last check found. It asks nobody.
func Recall(ctx context.Context, m Memory) (State, error) {
	_, s, err := recall(ctx, m)
	return s, err
}

func recall(ctx context.Context, m Memory) (note []byte, s State, err error) {
	note, err = m.UpdateState(ctx)
	if err != nil || note == nil {
		return nil, s, err
	}
	if json.Unmarshal(note, &s) != nil {
		s = State{} // whoever wrote it, it is as if there had been no check
	}
	return note, s, nil
}
