package update

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var facts = Facts{Installation: "0198c0de-0000-4000-8000-000000000000", Version: "1.2.3", Platform: "linux/amd64", Database: "sqlite"}

// memory keeps the note of one installation.
type memory struct {
	mu   sync.Mutex
	note []byte
	err  error
}

func (m *memory) UpdateState(context.Context) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.note, m.err
}

func (m *memory) SwapUpdateState(_ context.Context, old, fresh []byte) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !bytes.Equal(m.note, old) || m.err != nil {
		return false, m.err
	}
	m.note = fresh
	return true, nil
}

// desk answers update checks and counts them.
type desk struct {
	*httptest.Server
	mu     sync.Mutex
	asked  []*http.Request
	bodies []string
	status int
	answer string
}

func newDesk(t *testing.T, status int, answer string) *desk {
	t.Helper()
	d := &desk{status: status, answer: answer}
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.asked, d.bodies = append(d.asked, r), append(d.bodies, string(body))
		if d.status == http.StatusFound {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(d.status)
		_, _ = io.WriteString(w, d.answer)
	}))
	t.Cleanup(d.Close)
	return d
}

func (d *desk) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.asked)
}

// TestAskTellsTheFactsOnly looks at everything that is sent.
func TestAskTellsTheFactsOnly(t *testing.T) {
	d := newDesk(t, http.StatusOK, `{"version":"1.3.0","url":"ignored","new":{}}`)
	latest, err := Ask(t.Context(), Address{URL: d.URL + "/v1/check"}, facts)
	if err != nil || latest != "1.3.0" {
		t.Fatalf("%q %v", latest, err)
	}
	r := d.asked[0]
	if r.Method != http.MethodPost || r.URL.String() != "/v1/check" {
		t.Errorf("%s %s", r.Method, r.URL)
	}
	want := `{"installation":"0198c0de-0000-4000-8000-000000000000","version":"1.2.3","platform":"linux/amd64","database":"sqlite"}`
	if d.bodies[0] != want {
		t.Errorf("told %s\nwant %s", d.bodies[0], want)
	}
	known := []string{"User-Agent", "Content-Type", "Content-Length", "Connection"}
	for name := range r.Header {
		if !slices.Contains(known, name) {
			t.Errorf("the header %s: %s tells more", name, r.Header.Get(name))
		}
	}
	if agent := r.Header.Get("User-Agent"); agent != "tokligence-gateway/1.2.3" {
		t.Errorf("User-Agent %q", agent)
	}
}

func TestAskFails(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		answer string
	}{
		"status":      {http.StatusServiceUnavailable, `{"version":"1.3.0"}`},
		"redirect":    {http.StatusFound, `{"version":"1.3.0"}`},
		"no JSON":     {http.StatusOK, `<html>`},
		"no version":  {http.StatusOK, `{}`},
		"not one":     {http.StatusOK, `{"version":"latest; rm -rf"}`},
		"without end": {http.StatusOK, `{"version":"` + strings.Repeat("1", maxAnswer) + `"}`},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, c.status, c.answer)
			if latest, err := Ask(t.Context(), Address{URL: d.URL}, facts); err == nil {
				t.Errorf("answered %q", latest)
			}
			if d.count() != 1 {
				t.Errorf("%d requests", d.count())
			}
		})
	}
}

func TestAskByProxy(t *testing.T) {
	d := newDesk(t, http.StatusOK, `{"version":"1.3.0"}`)
	proxy, err := url.Parse(d.URL)
	if err != nil {
		t.Fatal(err)
	}
	latest, err := Ask(t.Context(), Address{URL: "http://updates.invalid/v1/check", Proxy: http.ProxyURL(proxy)}, facts)
	if err != nil || latest != "1.3.0" || d.asked[0].Host != "updates.invalid" {
		t.Errorf("%q %v", latest, err)
	}
}

func TestNewer(t *testing.T) {
	for _, c := range []struct {
		latest, current string
		want            bool
	}{
		{"1.3.0", "1.2.9", true},
		{"1.10.0", "1.9.0", true},
		{"1.2.3", "1.2.3", false},
		{"1.2.2", "1.2.3", false},
		{"1.2.3", "1.2.3-dev", true},
		{"1.3.0-rc.1", "1.2.3", false},
		{"1.3.0-rc.2", "1.3.0-rc.1", true},
		{"", "1.2.3", false},
		{"nonsense", "1.2.3", false},
		{"1.2.3", "unknown", false},
	} {
		if got := Newer(c.latest, c.current); got != c.want {
			t.Errorf("Newer(%q, %q) = %v", c.latest, c.current, got)
		}
	}
}

// house is an installation with a clock of its own.
type house struct {
	memory memory
	desk   *desk
	now    time.Time
	on     bool
	logs   bytes.Buffer
}

func newHouse(t *testing.T) *house {
	t.Helper()
	return &house{
		desk: newDesk(t, http.StatusOK, `{"version":"1.3.0"}`), now: time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC), on: true,
	}
}

// checker is that of a process, which forgets.
func (h *house) checker() *Checker {
	return New(Options{
		Memory: &h.memory, Enabled: func() bool { return h.on }, Now: func() time.Time { return h.now },
		Address: func() (Address, error) { return Address{URL: h.desk.URL}, nil },
		Facts:   func(context.Context) Facts { return facts },
		Log:     slog.New(slog.NewTextHandler(&h.logs, nil)), // from info upwards
	})
}

func TestDailyAsksOnceADay(t *testing.T) {
	h := newHouse(t)
	c := h.checker()
	for _, step := range []struct {
		what  string
		after time.Duration
		fresh bool // the process was started again
		asked int
	}{
		{"the first time", 0, false, 1},
		{"an hour later", time.Hour, false, 1},
		{"after a restart", time.Minute, true, 1},
		{"a day later", day, false, 2},
		{"at once again", 0, true, 2},
		{"by a clock that is slow", -time.Hour, true, 2},
		{"when the clock was set back by years", -1000 * day, false, 3},
		{"and again", time.Minute, true, 3},
	} {
		h.now = h.now.Add(step.after)
		if step.fresh {
			c = h.checker()
		}
		c.Daily(t.Context())
		if n := h.desk.count(); n != step.asked {
			t.Errorf("%s: asked %d times, want %d", step.what, n, step.asked)
		}
	}
	if s, err := Recall(t.Context(), &h.memory); err != nil || s.Latest != "1.3.0" || !s.Checked.Equal(h.now.Add(-time.Minute)) {
		t.Errorf("noted %+v %v", s, err)
	}
}

// TestDailyTellsOnce logs a newer release once for each process, and nothing else.
func TestDailyTellsOnce(t *testing.T) {
	h := newHouse(t)
	c := h.checker()
	for range 3 {
		c.Daily(t.Context())
		h.now = h.now.Add(day)
	}
	if n := strings.Count(h.logs.String(), "\n"); n != 1 || !strings.Contains(h.logs.String(), "version=1.3.0 this=1.2.3") {
		t.Errorf("logged:\n%s", h.logs.String())
	}
}

// TestFailureIsSilent counts as the check of the day, and keeps what was known.
func TestFailureIsSilent(t *testing.T) {
	h := newHouse(t)
	h.checker().Daily(t.Context())
	h.logs.Reset()
	h.desk.status, h.now = http.StatusInternalServerError, h.now.Add(day)
	for range 2 {
		c := h.checker()
		c.told = "1.3.0"
		c.Daily(t.Context())
	}
	if h.desk.count() != 2 || h.logs.Len() > 0 {
		t.Errorf("asked %d times and logged %q", h.desk.count(), h.logs.String())
	}
	if s, err := Recall(t.Context(), &h.memory); err != nil || s.Latest != "1.3.0" {
		t.Errorf("%+v %v", s, err)
	}
}

func TestOffAsksNobody(t *testing.T) {
	h := newHouse(t)
	h.on = false
	h.checker().Daily(t.Context())
	if _, err := h.checker().Check(t.Context()); !errors.Is(err, ErrOff) {
		t.Errorf("%v", err)
	}
	if h.desk.count() > 0 || h.memory.note != nil {
		t.Errorf("asked %d times, noted %q", h.desk.count(), h.memory.note)
	}
}

// TestOneOfManyAsks lets several instances on one database ask once.
func TestOneOfManyAsks(t *testing.T) {
	h := newHouse(t)
	var wait sync.WaitGroup
	for range 8 {
		c := h.checker()
		c.Log = slog.New(slog.DiscardHandler)
		wait.Go(func() { c.Daily(t.Context()) })
	}
	wait.Wait()
	if n := h.desk.count(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// TestCheckAsksNow whatever the note says, and notes the answer.
func TestCheckAsksNow(t *testing.T) {
	for name, m := range map[string]*house{"prepared": newHouse(t), "without a database": newHouse(t), "a note that makes no sense": newHouse(t)} {
		t.Run(name, func(t *testing.T) {
			switch name {
			case "without a database":
				m.memory.err = errors.New("no such table")
			case "a note that makes no sense":
				m.memory.note = []byte("nonsense")
			}
			for want := 1; want <= 2; want++ {
				s, err := m.checker().Check(t.Context())
				if err != nil || s.Latest != "1.3.0" || m.desk.count() != want {
					t.Errorf("%+v %v, asked %d times", s, err, m.desk.count())
				}
			}
			if m.memory.err == nil && !json.Valid(m.memory.note) {
				t.Errorf("noted %q", m.memory.note)
			}
		})
	}
}

// TestRunEnds with its context, the first check still ahead.
func TestRunEnds(t *testing.T) {
	h := newHouse(t)
	c := h.checker()
	c.Delay = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c.Run(ctx)
	if h.desk.count() != 0 {
		t.Error("it asked before its time")
	}
}

func FuzzReadAnswer(f *testing.F) {
	for _, seed := range []string{`{"version":"1.2.3"}`, `{"version":"v1.2.3-rc.1"}`, `{}`, `[]`, `{"version":1}`, "{\"version\":\"1.2.3\\u001b[31m\"}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		v, err := readAnswer(answer)
		if err != nil {
			return
		}
		if strings.ContainsFunc(v, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Errorf("%q would be shown", v)
		}
		if v2, err := readAnswer([]byte(`{"version":"` + v + `"}`)); err != nil || v2 != v {
			t.Errorf("%q is read as %q, %v", v, v2, err)
		}
	})
}
