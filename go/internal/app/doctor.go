package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/config"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/provider"
	"github.com/tokligence/tokligence-gateway/go/internal/version"
)

// Check is one thing that Examine looked at.
type Check struct {
	Name   string `json:"name"`
	Status string `json:"status"` // Fine, Odd, Broken
	Detail string `json:"detail"`
	Fix    string `json:"fix,omitempty"`
}

// How a check came out.
const (
	Fine   = "ok"
	Odd    = "warning"
	Broken = "error"
)

const (
	probeTime = 10 * time.Second // for one provider
	clockSlip = time.Minute      // more makes keys expire at the wrong time and rows land on the wrong day
)

// Examine looks at everything a gateway with this configuration needs. It
// changes nothing but a file it makes and removes again.
func Examine(ctx context.Context, cfg *config.Config) []Check {
	checks := []Check{{"configuration", Fine, orNone(cfg.File, "no file; defaults and environment"), ""}}
	for _, w := range cfg.Warnings() {
		checks = append(checks, Check{"configuration", Odd, w.Where + ": " + w.Message, w.Fix})
	}
	checks = append(checks, folder(cfg), database(ctx, cfg), address(cfg))
	if latest := KnownUpdate(ctx, cfg); latest != "" {
		checks = append(checks, Check{
			"version", Odd, fmt.Sprintf("This is %s; %s is out.", version.Version(), latest),
			"Upgrade when it suits you; docs/upgrading.md says how.",
		})
	}
	r, err := NewRouting(cfg)
	if err != nil {
		return append(checks, Check{"providers", Broken, err.Error(), "Mend the provider's settings."})
	}
	defer r.Close()
	for _, p := range r.Router.Problems() {
		status := Broken
		if p.Warning {
			status = Odd
		}
		checks = append(checks, Check{"routes", status, p.Where + ": " + p.Message, p.Fix})
	}
	return append(checks, r.examine(ctx)...)
}

func orNone(s, none string) string {
	if s == "" {
		return none
	}
	return s
}

func folder(cfg *config.Config) Check {
	c := Check{Name: "data folder", Status: Fine, Detail: cfg.DataDir}
	err := os.MkdirAll(cfg.DataDir, 0o700)
	if err == nil {
		var f *os.File
		if f, err = os.CreateTemp(cfg.DataDir, ".doctor-*"); err == nil {
			_, err = f.WriteString("written by gateway doctor\n")
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}
	if err != nil {
		c.Status, c.Detail = Broken, fmt.Sprintf("%s cannot be written: %s", cfg.DataDir, err)
		c.Fix = "Give this user the right to write there, free some space, or set TOKLIGENCE_DATA_DIR to another folder."
	}
	return c
}

func database(ctx context.Context, cfg *config.Config) Check {
	c := Check{Name: "database", Status: Broken, Fix: "Let this user read and write the file and its folder."}
	if strings.HasPrefix(cfg.Database.URL.Reveal(), "postgres") {
		c.Fix = "Start the database, or mend TOKLIGENCE_DATABASE_URL."
	}
	d, err := OpenUnmigrated(ctx, cfg)
	if err != nil {
		c.Detail = err.Error()
		return c
	}
	defer d.Close()
	status, err := d.Store.Status(ctx)
	switch {
	case err != nil:
		c.Detail = err.Error()
	case status.Current > status.Latest:
		c.Detail = fmt.Sprintf("%s has schema %d; this program knows schemas up to %d.", d.Store, status.Current, status.Latest)
		c.Fix = "Install the newer version of the gateway that made it."
	case status.Pending > 0 && status.Current > 0:
		c.Status = Odd
		c.Detail = fmt.Sprintf("%s has the old schema %d of %d.", d.Store, status.Current, status.Latest)
		c.Fix = "Run 'gateway migrate', or start the gateway, which does it."
	default:
		c.Status, c.Fix = Fine, ""
		c.Detail = fmt.Sprintf("%s, schema %d", d.Store, status.Current)
		if status.Current == 0 {
			c.Detail = fmt.Sprintf("%s, empty; the first start prepares it", d.Store)
		}
	}
	return c
}

// address tries to take the address. One of our own that answers there is
// fine.
func address(cfg *config.Config) Check {
	c := Check{Name: "address", Status: Fine, Detail: cfg.Listen + " is free"}
	l, err := net.Listen("tcp", cfg.Listen)
	if err == nil {
		_ = l.Close() // it was only to see
		return c
	}
	client := http.Client{Timeout: time.Second}
	if resp, probe := client.Get("http://" + cfg.Listen + "/livez"); probe == nil {
		_ = resp.Body.Close() // nothing was wanted of it
		if resp.Header.Get("X-Request-Id") != "" {
			c.Detail = "a gateway is running at " + cfg.Listen
			return c
		}
	}
	c.Status, c.Detail = Broken, fmt.Sprintf("%s cannot be taken: %s", cfg.Listen, err)
	c.Fix = "Stop the program that has it, or choose another address with TOKLIGENCE_LISTEN."
	return c
}

// examine asks every provider for its models, side by side.
func (r *Routing) examine(ctx context.Context) []Check {
	infos := r.Upstreams.Infos
	results := make([][]Check, len(infos))
	var wg sync.WaitGroup
	ready := 0
	for i := range infos {
		info := &infos[i]
		if info.Preset == loopbackPreset {
			continue
		}
		if !info.Ready {
			if r.Upstreams.mentioned[info.Name] {
				results[i] = []Check{{
					"provider " + info.Name, Broken, "It has no key.", "Set " + info.KeyVar + ".",
				}}
			}
			continue
		}
		ready++
		wg.Go(func() {
			results[i] = []Check{ask(ctx, info.Name, info.KeyVar, info.Provider)}
			if c, told := clock(ctx, r.Upstreams.origins[info.Name], http.ProxyURL(r.Upstreams.proxies[info.Name])); told {
				results[i] = append(results[i], c)
			}
		})
	}
	wg.Wait()
	var out []Check
	for _, checks := range results {
		out = append(out, checks...)
	}
	if ready == 0 {
		out = append(out, Check{
			"providers", Odd, "No provider has a key; only the model loopback answers.",
			"Set the key of a provider, such as TOKLIGENCE_OPENAI_API_KEY or TOKLIGENCE_ANTHROPIC_API_KEY.",
		})
	}
	return out
}

func ask(ctx context.Context, name, keyVar string, p provider.Provider) Check {
	c := Check{Name: "provider " + name, Status: Fine}
	lister, ok := p.(provider.Lister)
	if !ok {
		c.Detail = "it has a key and lists no models, so it was not asked"
		return c
	}
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	models, err := lister.Models(ctx)
	if err == nil {
		c.Detail = fmt.Sprintf("it answers and lists %d models", len(models))
		return c
	}
	failure := llm.AsError(err)
	c.Status, c.Detail = Broken, failure.Message
	if failure.Err != nil {
		c.Detail += " (" + failure.Err.Error() + ")"
	}
	c.Fix = "Check the network, the proxy and the provider's base URL."
	if up := failure.Upstream; up != nil {
		switch up.Status {
		case http.StatusUnauthorized, http.StatusForbidden:
			c.Detail = fmt.Sprintf("it refuses the key (status %d)", up.Status)
			c.Fix = "Set " + keyVar + " to a key that is valid and not expired."
		case http.StatusTooManyRequests:
			c.Status, c.Detail = Odd, "it answers, and asks to be left alone for a while (status 429)"
			c.Fix = "Wait, or look at the account's limits with the provider."
		case http.StatusNotFound, http.StatusMethodNotAllowed:
			c.Status, c.Detail = Odd, "it answers, but lists no models"
			c.Fix = "If calls fail, check the provider's base URL."
		}
	}
	return c
}

// clock compares this machine's clock with a provider's.
func clock(ctx context.Context, origin string, proxy func(*http.Request) (*url.URL, error)) (Check, bool) {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, origin, nil)
	if err != nil {
		return Check{}, false
	}
	transport := &http.Transport{Proxy: proxy, DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return Check{}, false
	}
	_ = resp.Body.Close() // a HEAD has none
	theirs, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return Check{}, false
	}
	if off := time.Since(theirs).Round(time.Second); off.Abs() > clockSlip {
		way := "ahead of"
		if off < 0 {
			way = "behind"
		}
		return Check{
			"clock", Broken, fmt.Sprintf("this machine's clock is %s %s that of %s", off.Abs(), way, origin),
			"Set the clock, or switch on time synchronisation.",
		}, true
	}
	return Check{}, false
}
