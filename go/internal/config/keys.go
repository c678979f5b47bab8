package config

import (
	"slices"
	"strings"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/secret"
)

const (
	envPrefix = "TOKLIGENCE_"
	envConfig = envPrefix + "CONFIG"
	testVars  = envPrefix + "TEST_" // never ours to read

	// FlagConfig is the flag that names the file.
	FlagConfig = "config"
)

// Key is one setting.
type Key struct {
	Name    string   // where it stands in the file, dots between levels
	Env     string   // its variable
	AltEnv  []string // variables of other programs that serve when it is not set
	Flag    string   // its flag, "" none
	Kind    Kind
	Default string   // as written in the file, "" none
	Values  []string // nil: any
	Min     int64    // bounds of integers, sizes (bytes) and durations (nanoseconds)
	Max     int64
	Restart bool   // a change takes effect at the next start
	Path    bool   // made absolute
	Doc     string // plain sentences

	synonym string
	example string // as written in the file, where the default says nothing
	short   bool   // of a provider: the variable is TOKLIGENCE_<NAME>_<KEY>
}

// entry binds a key to the field it fills.
type entry[T any] struct {
	Key
	at func(*T) any // pointer to the field
}

// table returns all settings but those of providers, in the order of the file.
func table() []entry[Config] {
	all := slices.Concat(generalKeys(), modelKeys(), routingKeys(), loopKeys(), streamKeys(), limitKeys(), keepingKeys(), logKeys(), edgeKeys())
	complete(all)
	for i := range all {
		if k := &all[i].Key; k.Env == "" {
			k.Env = variable(k.Name)
		}
	}
	return all
}

// providerTable returns the settings of one provider.
func providerTable() []entry[Provider] {
	all := providerKeys()
	complete(all)
	return all
}

func complete[T any](all []entry[T]) {
	var zero T
	for i := range all {
		all[i].Kind = kindOf(all[i].at(&zero))
	}
}

// variable spells a name as an environment variable.
func variable(name string) string {
	return envPrefix + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(name))
}

// KeyVariable is the environment variable that holds the keys of a provider.
func KeyVariable(provider string) string { return variable(provider + ".api_key") }

// providerVariable is the environment variable of a setting of a provider.
func providerVariable(provider string, k *Key) string {
	if k.short {
		return variable(provider + "." + k.Name)
	}
	return variable("providers." + provider + "." + k.Name)
}

// Keys lists all settings in the order of the file. Those of a provider have
// <name> in the place of its name.
func Keys() []Key {
	var out []Key
	for _, e := range table() {
		out = append(out, e.Key)
		if e.Name == "aliases" {
			for _, p := range providerTable() {
				k := p.Key
				k.Env = strings.ReplaceAll(providerVariable("0", &k), "_0_", "_<NAME>_")
				k.Name = "providers.<name>." + k.Name
				out = append(out, k)
			}
		}
	}
	return out
}

func generalKeys() []entry[Config] {
	type c = Config
	return []entry[c]{
		{Key{
			Name: "listen", Flag: "listen", Default: "127.0.0.1:8081", Restart: true,
			Doc: "Address to listen on, as host:port. Port 0 takes any free port. Beyond loopback it needs authentication: `mode: team`, an `api_key`, or `auth.disabled: true` to do without on purpose.",
		}, func(c *c) any { return &c.Listen }},
		{Key{
			Name: "mode", Flag: "mode", Default: ModePersonal, Values: []string{ModePersonal, ModeTeam}, Restart: true,
			Doc: "`personal` is for one person on this machine: any key is accepted unless `api_key` is set. `team` asks for keys from the first request; its first start prints an administrator token.",
		}, func(c *c) any { return &c.Mode }},
		{Key{
			Name: "data_dir", Flag: "data-dir", Default: "~/.tokligence", Path: true, Restart: true,
			Doc: "Folder for the database, the journal and the logs. `config.yaml` in it is read when no other file is named.",
		}, func(c *c) any { return &c.DataDir }},
		{Key{
			Name: "api_key", example: "env:MY_GATEWAY_KEY",
			Doc: "The key that clients of a personal installation must send. Not set, any key is accepted.",
		}, func(c *c) any { return &c.APIKey }},
		{Key{
			Name: "allowed_hosts", example: "[gateway.lan]",
			Doc: "Further host names under which clients may call this gateway, besides the loopback ones. `*` allows every name.",
		}, func(c *c) any { return &c.AllowedHosts }},
		{Key{
			Name: "auth.disabled", Default: "false", Restart: true,
			Doc: "Ask nobody for a key, even when listening beyond loopback. Everyone who reaches the address can then spend your money.",
		}, func(c *c) any { return &c.Auth.Disabled }},
		{Key{
			Name: "database.url", example: "postgres://gateway@db.lan/gateway", Restart: true,
			Doc: "`postgres://user:password@host/name`, or `sqlite:/path/to/file`. Not set, SQLite in the data folder.",
		}, func(c *c) any { return databaseURL{&c.Database.URL} }},
	}
}

func modelKeys() []entry[Config] {
	type c = Config
	return []entry[c]{
		{Key{
			Name: "routes", example: "\n  - claude*=>anthropic|openrouter\n  - match: gpt-*\n    targets: [openai]",
			Doc: "Which provider serves which model; the first pattern that matches wins. A `*` stands for any text. Several targets, joined by `|`, are tried in that order; a target is a provider, or provider/model. As a variable: `claude*=>anthropic|openrouter,gpt-*=>openai`. Without routes the built-in ones apply.",
		}, func(c *c) any { return &c.Routes }},
		{Key{
			Name: "aliases", Env: envPrefix + "MODEL_ALIASES", example: "\n  gpt-4o: claude-sonnet-4-5",
			Doc: "Other names for models, looked up before the routes. A name may be a pattern. As a variable: `gpt-4o=>claude-sonnet-4-5,fast=>openai/gpt-5-mini`.",
		}, func(c *c) any { return &c.Aliases }},
	}
}

func providerKeys() []entry[Provider] {
	type p = Provider
	return []entry[p]{
		{Key{Name: "preset", example: "openai", Doc: "What is known of this provider: its addresses, protocols and quirks. Not set, the preset of the same name."}, func(p *p) any { return &p.Preset }},
		{Key{Name: "api_key", synonym: "api_keys", short: true, example: "env:OPENAI_API_KEY", Doc: "Its key. Several, as a list or with commas between, are used in turn."}, func(p *p) any { return &p.Keys }},
		{Key{Name: "base_url", short: true, example: "https://eu.api.openai.com/v1", Doc: "Address of the service, with or without the version at its end. Not set, that of the preset."}, func(p *p) any { return &p.BaseURL }},
		{Key{
			Name: "protocols", example: "[openai-chat]", Values: []string{string(llm.Chat), string(llm.Responses), string(llm.Messages), string(llm.Gemini)},
			Doc: "Protocols it speaks, the most native first. Not set, those of the preset.",
		}, func(p *p) any { return &p.Protocols }},
		{Key{Name: "models", example: "[gpt-5, gpt-5-mini]", Doc: "Ids of models it serves, besides those it reports itself."}, func(p *p) any { return &p.Models }},
		{Key{Name: "headers", example: "{x-team: research}", Doc: "Further request headers. Values may be secrets and are never shown."}, func(p *p) any { return &p.Headers }},
		{Key{Name: "timeout", example: "2m", Min: int64(time.Second), Max: int64(24 * time.Hour), Doc: "How long to wait for an answer to begin. Not set, that of the preset."}, func(p *p) any { return &p.Timeout }},
		{Key{Name: "idle_timeout", example: "2m", Min: int64(time.Second), Max: int64(24 * time.Hour), Doc: "How long an answer may pause. Not set, that of the preset."}, func(p *p) any { return &p.IdleTimeout }},
		{Key{Name: "proxy", example: "http://proxy.lan:3128", Doc: "Proxy for this provider, or `none`. Not set, see the section proxy."}, func(p *p) any { return proxyURL{&p.Proxy} }},
		{Key{Name: "quirks", example: "{no_strict: true}", Doc: "Departures from its protocol, over those of the preset."}, func(p *p) any { return &p.Quirks }},
		{Key{Name: "defaults.large", example: "gpt-5", Doc: "Model that stands in for large ones of other vendors. Not set, that of the preset."}, func(p *p) any { return &p.Defaults.Large }},
		{Key{Name: "defaults.small", example: "gpt-5-mini", Doc: "Model that stands in for small ones of other vendors. Not set, that of the preset."}, func(p *p) any { return &p.Defaults.Small }},
		{Key{Name: "disabled", Default: "false", Doc: "Do as if it were not there."}, func(p *p) any { return &p.Disabled }},
	}
}

// Kinds of field that look alike in Go but are written differently.
type (
	databaseURL struct{ *secret.Secret }
	proxyURL    struct{ *secret.Secret }
)
