package provider

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// Preset is what is known of a provider before anybody configures it.
type Preset struct {
	Name     string // also its name in the price table
	Title    string // for people
	Base     string // scheme and host; "" where only its owner knows it
	Auth     Auth
	AuthOf   map[llm.Protocol]Auth     // where a protocol differs
	Paths    map[llm.Protocol][]string // below Base, the usual one first
	Speaks   map[llm.Operation][]llm.Protocol
	List     llm.Protocol      // of its model list; "" where it has none
	StripID  string            // prefix of ids in its list that requests leave out
	Header   map[string]string // further request headers
	Families []Family
	Defaults Defaults
	Local    bool // a server of one's own, that runs without a key
	Native   bool // the vendor's own service
	Generic  bool // any server that speaks the protocol
	Quirks   protocol.Quirks

	// Tokenizers are the published tokenizers of its models: prefixes of ids by
	// the tokenizer's name. The longest prefix counts.
	Tokenizers map[string][]string
}

// Family is a pattern of model ids that belong to a provider. Size is large or
// small.
type Family struct{ Pattern, Size string }

// Defaults are the models that stand in for those of other vendors.
type Defaults struct{ Large, Small string }

// Presets returns all presets in order of preference. They are shared and must
// not be changed.
func Presets() []Preset { return parsed() }

// FindPreset returns the preset of this name.
func FindPreset(name string) (Preset, bool) {
	all := Presets()
	i := slices.IndexFunc(all, func(p Preset) bool { return p.Name == name })
	if i < 0 {
		return Preset{}, false
	}
	return all[i], true
}

// KeyVar is the environment variable that holds the key of this provider.
func (p *Preset) KeyVar() string { return variable(p.Name, "API_KEY") }

// BaseVar is the environment variable that holds its address.
func (p *Preset) BaseVar() string { return variable(p.Name, "BASE_URL") }

// NeedVar is the variable that must be set before it can be used.
func (p *Preset) NeedVar() string {
	if p.Local || p.Generic {
		return p.BaseVar()
	}
	return p.KeyVar()
}

func variable(name, what string) string {
	return "TOKLIGENCE_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_")) + "_" + what
}

//go:embed builtin.yaml
var builtin []byte

// parsed reads the embedded presets once. They are part of the program: an
// error in them is a bug, and a test finds it.
var parsed = sync.OnceValue(func() []Preset {
	all, err := parsePresets(builtin)
	if err != nil {
		panic("provider: builtin.yaml: " + err.Error())
	}
	return all
})

// entry is a preset as it is written.
type entry struct {
	Name     string                           `yaml:"name"`
	Title    string                           `yaml:"title"`
	Base     string                           `yaml:"base"`
	Native   bool                             `yaml:"native"`
	Local    bool                             `yaml:"local"`
	Generic  bool                             `yaml:"generic"`
	Auth     Auth                             `yaml:"auth"`
	AuthOf   map[llm.Protocol]Auth            `yaml:"auth_of"`
	Paths    map[llm.Protocol][]string        `yaml:"paths"`
	Speaks   map[llm.Operation][]llm.Protocol `yaml:"speaks"`
	List     llm.Protocol                     `yaml:"list"`
	StripID  string                           `yaml:"strip_id"`
	Headers  map[string]string                `yaml:"headers"`
	Families struct {
		Large []string `yaml:"large"`
		Small []string `yaml:"small"`
	} `yaml:"families"`
	Defaults struct {
		Large string `yaml:"large"`
		Small string `yaml:"small"`
	} `yaml:"defaults"`
	Quirks     map[string]any      `yaml:"quirks"`
	Tokenizers map[string][]string `yaml:"tokenizers"`
}

// noList is how an entry says that its provider lists no models.
const noList = "none"

func parsePresets(text []byte) ([]Preset, error) {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	var entries []entry
	if err := dec.Decode(&entries); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	all := make([]Preset, 0, len(entries))
	seen := make(map[string]bool, len(entries))
	for i := range entries {
		p, err := entries[i].preset()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", entries[i].Name, err)
		}
		if seen[p.Name] {
			return nil, fmt.Errorf("%s: it is there twice", p.Name)
		}
		seen[p.Name] = true
		all = append(all, p)
	}
	return all, nil
}

func (e *entry) preset() (Preset, error) {
	p := Preset{
		Name: e.Name, Title: e.Title, Base: e.Base, Native: e.Native, Local: e.Local, Generic: e.Generic,
		Auth: e.Auth, AuthOf: e.AuthOf, Paths: e.Paths, Speaks: e.Speaks, List: e.List, StripID: e.StripID,
		Tokenizers: e.Tokenizers,
		Header:     e.Headers, Defaults: Defaults{Large: e.Defaults.Large, Small: e.Defaults.Small},
	}
	if p.Auth == "" {
		p.Auth = Bearer
	}
	for _, pattern := range e.Families.Large {
		p.Families = append(p.Families, Family{pattern, "large"})
	}
	for _, pattern := range e.Families.Small {
		p.Families = append(p.Families, Family{pattern, "small"})
	}
	if err := SetQuirks(&p.Quirks, e.Quirks); err != nil {
		return p, err
	}
	if generate := p.Speaks[llm.Generate]; p.List == "" && len(generate) > 0 {
		p.List = generate[0]
	} else if p.List == noList {
		p.List = ""
	}
	return p, p.check()
}

// Tokenizer is the published tokenizer of a model, "" where none is known.
func (p *Preset) Tokenizer(model string) string {
	best, found := 0, ""
	for name, prefixes := range p.Tokenizers {
		for _, prefix := range prefixes {
			if len(prefix) > best && strings.HasPrefix(model, prefix) {
				best, found = len(prefix), name
			}
		}
	}
	return found
}

// paths are those of a protocol, the usual one first. The plain ones lie
// beside Chat's.
func (p *Preset) paths(name llm.Protocol) []string {
	own := p.Paths[name]
	if len(own) == 0 && name == llm.Plain {
		return p.Paths[llm.Chat]
	}
	return own
}

// check finds what could not work.
func (p *Preset) check() error {
	switch {
	case p.Name == "" || p.Title == "":
		return errors.New("it has no name or title")
	case (p.Base == "") != p.Generic:
		return errors.New("it needs a base, or generic")
	case len(p.Speaks[llm.Generate]) == 0:
		return errors.New("it generates nothing")
	case !p.Auth.known():
		return fmt.Errorf("auth %q is not known", p.Auth)
	}
	for _, a := range p.AuthOf {
		if !a.known() {
			return fmt.Errorf("auth %q is not known", a)
		}
	}
	for op, protocols := range p.Speaks {
		for _, name := range protocols {
			if suffix(op, name) == "" {
				return fmt.Errorf("nobody can do %s in %s", op, name)
			}
			if len(p.paths(name)) == 0 {
				return fmt.Errorf("%s has no path", name)
			}
		}
	}
	for name, paths := range p.Paths {
		for _, path := range paths {
			if !strings.HasPrefix(path, "/") || strings.HasSuffix(path, "/") {
				return fmt.Errorf("the path %q of %s", path, name)
			}
		}
	}
	return nil
}
