package route

import (
	"cmp"
	"strings"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/catalog"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/provider"
)

// Options are what a Router is made of.
type Options struct {
	Routes    []Rule
	Aliases   []Alias
	Builtin   bool // no routes configured: apply the built-in ones
	Mode      string
	Providers []ProviderInfo // in order of preference
	Catalog   Abilities      // nil: nothing is known of any model
	Codecs    []llm.Protocol // protocols the gateway can speak; nil: all
	Retry     Retry
	Now       func() time.Time // nil: time.Now
}

// Abilities says what is known of a model. A *catalog.Catalog does.
type Abilities interface {
	Find(provider, model string) (catalog.Model, bool)
}

// Rule leads models to targets. In Match every * stands for any text. A target
// is "provider" (the model stays), "provider/model", or a loopback model.
// Several targets are tried in order.
type Rule struct {
	Match   string
	Targets []string
}

// Alias is another name for a model. From may be a pattern; To is a model or
// "provider/model" and is not itself an alias.
type Alias struct{ From, To string }

// ProviderInfo is a provider as the router must know it. Those whose names
// differ in what follows # only, such as openai and openai#2, are keys of one
// pool.
type ProviderInfo struct {
	Name        string            // "": that of Provider, else Preset
	Provider    provider.Provider // may be nil when not Ready
	Preset      string            // "": none
	Ready       bool              // has its key, or, for a Local one, its base URL
	KeyVar      string            // variable to set when it is not Ready
	Fingerprint string            // changes with credential or address; old health is then forgotten
	Families    []Family
	Defaults    Defaults
	Local       bool // runs without a key
	Native      bool // the vendor's own service
	Quirks      protocol.Quirks
	Models      []string // ids it is known to serve
}

// Family is a pattern of model ids that belong to a provider. Of several that
// match the one with the most literal characters counts.
type Family struct {
	Pattern string
	Size    string // SizeLarge ("" too), SizeSmall
}

// Sizes of models.
const (
	SizeLarge = "large"
	SizeSmall = "small"
)

// Defaults are the models of a provider that stand in for other vendors'.
type Defaults struct{ Large, Small string }

func (d Defaults) of(size string) string {
	if size == SizeSmall {
		return cmp.Or(d.Small, d.Large)
	}
	return cmp.Or(d.Large, d.Small)
}

// Retry is how failure is answered. Zero values mean the default.
type Retry struct {
	Attempts      int           // tries of one target for one call, default 2
	BackoffBase   time.Duration // default 250 ms, doubling
	BackoffMax    time.Duration // default 8 s
	Failures      int           // consecutive failures that open a cool-down, default 3
	CooldownBase  time.Duration // default 5 s, doubling
	CooldownMax   time.Duration // default 5 min
	KeyCooldown   time.Duration // of a refused key or an empty account, default 10 min
	RetryAfterMax time.Duration // longest retry-after obeyed, default 10 min
	ProbeTime     time.Duration // how long a probe keeps others away, default 30 s
}

func (p *Retry) fill() {
	p.Attempts = cmp.Or(max(p.Attempts, 0), 2)
	p.Failures = cmp.Or(max(p.Failures, 0), 3)
	for _, d := range [...]struct {
		field *time.Duration
		value time.Duration
	}{
		{&p.BackoffBase, 250 * time.Millisecond},
		{&p.BackoffMax, 8 * time.Second},
		{&p.CooldownBase, 5 * time.Second},
		{&p.CooldownMax, 5 * time.Minute},
		{&p.KeyCooldown, 10 * time.Minute},
		{&p.RetryAfterMax, 10 * time.Minute},
		{&p.ProbeTime, 30 * time.Second},
	} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
}

// poolName is the name of the pool that a provider belongs to.
func poolName(name string) string {
	pool, _, _ := strings.Cut(name, "#")
	return pool
}
