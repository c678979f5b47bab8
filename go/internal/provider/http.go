package provider

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/provider/h1"
	"github.com/tokligence/tokligence-gateway/go/internal/secret"
	"github.com/tokligence/tokligence-gateway/go/internal/version"
)

// Settings are a provider as somebody configured it. Zero fields mean what
// the preset says.
type Settings struct {
	Name      string // unique; "": Preset
	Preset    string
	BaseURL   string
	Key       secret.Secret
	Auth      Auth
	Protocols []llm.Protocol // most native first
	Models    []string       // ids it serves; its own list is then not asked for
	Headers   map[string]secret.Secret
	Quirks    map[string]any // see SetQuirks
	Timeouts  Timeouts
	Proxy     secret.Secret // URL of an HTTP or SOCKS5 proxy; it may hold a password
	HTTP2     bool          // speak HTTP/2 where the server does

	// AllowPrivate lets the preset's own host resolve to a private address.
	// A base URL that was configured may lead anywhere already.
	AllowPrivate bool
}

// Timeouts bound the steps of a call. There is none for a whole call: an
// answer may take as long as it flows. Zero means the default.
type Timeouts struct {
	Connect time.Duration // default 10 s, name look-up included
	TLS     time.Duration // handshake, default 10 s
	Header  time.Duration // until the answer begins, see below
	Stall   time.Duration // between two parts of an answer, default 120 s
}

// Defaults of Timeouts.Header. The answer that is not streamed begins when it
// is complete; a local server may first have to load the model.
const (
	headerStream = 120 * time.Second
	headerWhole  = 600 * time.Second
)

// HTTP is a provider that is reached by HTTP: a preset and its settings.
type HTTP struct {
	name      string
	preset    Preset
	quirks    protocol.Quirks
	secrets   []secret.Secret // that no answer may repeat
	speaks    map[llm.Operation][]llm.Protocol
	endpoints map[place]*endpoint
	models    []string
	lacks     *llm.Error // what must be set first, nil if nothing
	client    http.RoundTripper
	fast      *h1.Client // client, unless that is net/http's
}

// place is what an address depends on.
type place struct {
	op       llm.Operation
	protocol llm.Protocol
}

// endpoint is where and how one operation is asked for. It is made once.
type endpoint struct {
	url           *url.URL
	header        http.Header // whole answers; shared, never changed
	stream        http.Header // streams
	headerTimeout time.Duration
	streamTimeout time.Duration
}

// New returns the provider that s describes. What is merely missing, such as
// the key, is no error here: Ready tells.
func New(s Settings) (*HTTP, error) {
	preset, ok := FindPreset(s.Preset)
	if !ok {
		return nil, fmt.Errorf("there is no preset %q", s.Preset)
	}
	p := &HTTP{
		name: cmp.Or(s.Name, s.Preset), preset: preset, quirks: preset.Quirks,
		models: slices.Clone(s.Models), speaks: preset.speaks(s.Protocols),
	}
	if err := SetQuirks(&p.quirks, s.Quirks); err != nil {
		return nil, fmt.Errorf("provider %s: %w", p.name, err)
	}
	if s.Auth != "" && !s.Auth.known() {
		return nil, fmt.Errorf("provider %s: there is no way %q to show a key", p.name, s.Auth)
	}
	if !validHeader(s.Key.Reveal()) {
		return nil, fmt.Errorf("provider %s: the key holds a character that no key has, such as a line end", p.name)
	}
	p.lacks = p.missing(s)
	base := cmp.Or(s.BaseURL, preset.Base)
	if base == "" {
		return p, nil
	}
	at, err := parseAddress(base, preset.Paths)
	if err != nil {
		return nil, fmt.Errorf("provider %s: %w", p.name, err)
	}
	if err := p.lay(at, s); err != nil {
		return nil, fmt.Errorf("provider %s: %w", p.name, err)
	}
	p.secrets = secrets(s)
	return p, p.connect(s)
}

// missing says what must be set before the provider can be used.
func (p *HTTP) missing(s Settings) *llm.Error {
	preset := &p.preset
	switch {
	case preset.Generic && s.BaseURL == "":
		return llm.Errorf(llm.BadUpstream, "The provider %s has no address: set %s, or base_url in the configuration.", p.name, p.variable("BASE_URL"))
	case preset.Local && s.BaseURL == "":
		return llm.Errorf(llm.BadUpstream, "The provider %s is not configured: set %s to the address of the server, usually %s.",
			p.name, p.variable("BASE_URL"), preset.Base)
	case preset.Local || preset.Generic || preset.Auth == NoAuth || s.Auth == NoAuth:
		return nil
	case s.Key.Empty():
		return llm.Errorf(llm.BadUpstream, "The provider %s has no key: set %s, or api_key in the configuration.", p.name, p.variable("API_KEY"))
	}
	return nil
}

// variable is the environment variable of a setting of this provider. All keys
// of a pool, whose names differ in what follows #, are in one.
func (p *HTTP) variable(what string) string {
	pool, _, _ := strings.Cut(p.name, "#")
	return variable(pool, what)
}

// speaks returns what a provider of this preset speaks when only these
// protocols may be used, in this order; nil means all.
func (p *Preset) speaks(only []llm.Protocol) map[llm.Operation][]llm.Protocol {
	out := p.chosen(only)
	if slices.Contains(out[llm.Generate], llm.Responses) {
		out = maps.Clone(out)
		out[llm.Recall] = []llm.Protocol{llm.Plain} // who makes responses may keep them
		out[llm.Compact] = []llm.Protocol{llm.Responses}
	}
	return out
}

func (p *Preset) chosen(only []llm.Protocol) map[llm.Operation][]llm.Protocol {
	if len(only) == 0 {
		return p.Speaks
	}
	out := map[llm.Operation][]llm.Protocol{}
	for op, names := range p.Speaks {
		if slices.Contains(names, llm.Plain) && (slices.Contains(only, llm.Chat) || slices.Contains(only, llm.Responses)) {
			out[op] = []llm.Protocol{llm.Plain} // lies beside both
		}
	}
	for _, name := range only {
		if suffix(llm.Generate, name) != "" && (name != llm.Gemini || len(p.Paths[name]) > 0) { // Google's paths are nobody else's
			out[llm.Generate] = append(out[llm.Generate], name)
		}
		for _, op := range [...]llm.Operation{llm.Embed, llm.CountTokens} {
			if slices.Contains(p.Speaks[op], name) {
				out[op] = append(out[op], name)
			}
		}
	}
	return out
}

// lay makes the endpoints of all operations.
func (p *HTTP) lay(at address, s Settings) error {
	p.endpoints = make(map[place]*endpoint)
	add := func(op llm.Operation, name llm.Protocol) error {
		u, err := url.Parse(at.base(name, &p.preset) + suffix(op, name))
		if err != nil {
			return errors.New("the base URL cannot be read")
		}
		e := &endpoint{url: u, headerTimeout: s.Timeouts.Header, streamTimeout: s.Timeouts.Header}
		if s.Timeouts.Header == 0 {
			e.headerTimeout, e.streamTimeout = headerWhole, headerStream
			if p.preset.Local {
				e.streamTimeout = headerWhole
			}
		}
		if e.header, err = p.fixed(name, s); err != nil {
			return err
		}
		if op == llm.ListModels {
			e.header.Del("Content-Type")
		}
		e.stream = e.header.Clone()
		e.stream["Accept"] = []string{"text/event-stream"}
		p.endpoints[place{op, name}] = e
		return nil
	}
	for op, names := range p.speaks {
		for _, name := range names {
			if err := add(op, name); err != nil {
				return err
			}
		}
	}
	if list := p.lister(); list != "" {
		return add(llm.ListModels, list)
	}
	return nil
}

// lister is the protocol that models are asked for in.
func (p *HTTP) lister() llm.Protocol {
	generate := p.speaks[llm.Generate]
	if p.preset.List == "" || len(generate) == 0 || slices.Contains(generate, p.preset.List) {
		return p.preset.List
	}
	return generate[0]
}

// fixed makes the headers that all requests in a protocol have.
func (p *HTTP) fixed(name llm.Protocol, s Settings) (http.Header, error) {
	h := http.Header{
		"Accept":          {"application/json"},
		"Accept-Encoding": {"identity"},
		"Content-Type":    {"application/json"},
		"User-Agent":      {"tokligence-gateway/" + version.Version()},
	}
	if name == llm.Messages {
		h["Anthropic-Version"] = []string{anthropicVersion}
	}
	for k, v := range p.preset.Header {
		h.Set(k, v)
	}
	auth := p.preset.Auth
	if own, ok := p.preset.AuthOf[name]; ok {
		auth = own
	}
	cmp.Or(s.Auth, auth).sign(h, s.Key)
	for k, v := range s.Headers {
		if !validName(k) || !validHeader(v.Reveal()) {
			return nil, fmt.Errorf("the header %q is not one that can be sent", k)
		}
		h.Set(k, v.Reveal())
	}
	return h, nil
}

func validName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '_'
	})
}

func validHeader(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f })
}

// Name is unique, as configured.
func (p *HTTP) Name() string { return p.name }

// Preset is what the provider was made from.
func (p *HTTP) Preset() Preset { return p.preset }

// Tokenizer is the published tokenizer of a model, "" where none is known.
func (p *HTTP) Tokenizer(model string) string { return p.preset.Tokenizer(model) }

// Quirks are the preset's with those of the settings over them.
func (p *HTTP) Quirks() protocol.Quirks { return p.quirks }

// Speaks lists the protocols op can be asked in, most native first.
func (p *HTTP) Speaks(op llm.Operation) []llm.Protocol {
	if op == llm.ListModels {
		generate := p.speaks[llm.Generate]
		if list := p.lister(); list != "" {
			return []llm.Protocol{list}
		}
		return generate[:min(1, len(generate))] // Models knows some without asking
	}
	return p.speaks[op]
}

// Ready returns nil, or an error that says what to set.
func (p *HTTP) Ready() error {
	if p.lacks == nil {
		return nil // not a nil *llm.Error
	}
	return p.lack()
}

// lack returns what is missing as an error of its own, for callers add to it.
func (p *HTTP) lack() *llm.Error {
	e := *p.lacks
	return &e
}

// Origin is the scheme, host and port that the credential is bound to.
func (p *HTTP) Origin() string {
	for _, e := range p.endpoints {
		return origin(e.url)
	}
	return ""
}

// Close closes idle connections.
func (p *HTTP) Close() error {
	switch c := p.client.(type) {
	case *h1.Client:
		return c.Close()
	case interface{ CloseIdleConnections() }:
		c.CloseIdleConnections()
	}
	return nil
}

// Connections are totals of the connection pool; zero where net/http has it.
func (p *HTTP) Connections() h1.Stats {
	if p.fast == nil {
		return h1.Stats{}
	}
	return p.fast.Stats()
}
