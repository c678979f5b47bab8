package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

const shortKey = 16 // bytes; below it a key can be guessed

// validate checks what no value shows by itself.
func (l *loader) validate(c *Config) {
	l.validateAccess(c)
	l.validateBounds(c)
	l.validateProviders(c)
	if c.DataDir == "" && !l.faulty("data_dir") {
		l.fault("data_dir", l.source("data_dir"), flaw("The folder is not named.", "Write a path, or leave the setting out."))
	}
	if err := checkBaseURL(c.UpdateCheck.URL); err != nil && c.UpdateCheck.Enabled && !l.faulty("update_check.url") {
		l.fault("update_check.url", l.source("update_check.url"), err)
	}
	for _, host := range c.AllowedHosts {
		if err := checkHost(host); err != nil {
			l.fault("allowed_hosts", l.source("allowed_hosts"), err)
		}
	}
	l.checkFileMode()
}

// validateAccess refuses to serve strangers, unless told to in so many words.
func (l *loader) validateAccess(c *Config) {
	if l.faulty("listen") {
		return
	}
	from := l.source("listen")
	beyond, err := checkListen(c.Listen)
	if err != nil {
		l.fault("listen", from, err)
		return
	}
	beyond = beyond && !l.Offline
	if l.faulty("api_key") || l.faulty("mode") || l.faulty("auth.disabled") {
		return
	}
	open := c.Auth.Disabled || c.Mode == ModePersonal && c.APIKey.Empty()
	switch {
	case beyond && c.Auth.Disabled:
		l.warn("auth.disabled", l.source("auth.disabled"),
			fmt.Sprintf("Everyone who reaches %s may use the gateway and its providers' keys.", c.Listen),
			"Take auth.disabled out and use mode: team, or set api_key.")
	case beyond && open:
		l.fault("listen", from, flaw(fmt.Sprintf("Listening on %s, beyond this machine, needs authentication.", c.Listen),
			"Set TOKLIGENCE_MODE=team, or TOKLIGENCE_API_KEY to a key of your own, or listen on 127.0.0.1; TOKLIGENCE_AUTH_DISABLED=true lets everyone in."))
	case !beyond && open && slices.Contains(c.AllowedHosts, "*"):
		l.warn("allowed_hosts", l.source("allowed_hosts"), "With every host allowed and no key asked for, any page in a browser may use the gateway.", "Name the hosts, or set api_key.")
	}
	if c.APIKey.Empty() {
		return
	}
	key := l.source("api_key")
	switch value := c.APIKey.Reveal(); {
	case strings.ContainsAny(value, " \t"):
		l.fault("api_key", key, flaw("The key holds a space.", "Leave it out."))
	case c.Auth.Disabled:
		l.warn("api_key", key, "The key is not asked for, since auth.disabled is true.", "Remove one of the two.")
	case beyond && c.Mode == ModePersonal && len(value) < shortKey:
		l.warn("api_key", key, "The key is short enough to be guessed.", fmt.Sprintf("Use at least %d characters.", shortKey))
	}
}

// validateBounds compares values with each other.
func (l *loader) validateBounds(c *Config) {
	for _, pair := range [...]struct {
		low, high string
		ok        bool
	}{
		{"routing.backoff", "routing.backoff_max", c.Routing.Backoff <= c.Routing.BackoffMax},
		{"routing.cooldown", "routing.cooldown_max", c.Routing.Cooldown <= c.Routing.CooldownMax},
		{"loop_breaker.tell", "loop_breaker.stop", c.LoopBreaker.Tell <= c.LoopBreaker.Stop},
		{"limits.body_bytes", "limits.body_memory", c.Limits.BodyBytes <= c.Limits.BodyMemory},
	} {
		if pair.ok || l.faulty(pair.low) || l.faulty(pair.high) {
			continue
		}
		at := pair.low
		if _, set := l.values[at]; !set {
			at = pair.high
		}
		l.fault(at, l.source(at), flaw(pair.low+" is larger than "+pair.high+".", "Lower the one or raise the other."))
	}
}

// validateProviders compares providers with each other and warns of keys that
// travel in the open.
func (l *loader) validateProviders(c *Config) {
	variables := make(map[string]string)
	for i := range c.Providers {
		p := &c.Providers[i]
		key := "providers." + p.Name
		if other, ok := variables[KeyVariable(p.Name)]; ok {
			l.fault(key, l.providers[i].source, flaw("Its variables are the same as those of "+other+".", "Rename one of them."))
		}
		variables[KeyVariable(p.Name)] = p.Name
		u, err := url.Parse(p.BaseURL)
		if err == nil && u.Scheme == "http" && len(p.Keys) > 0 && !private(u.Hostname()) {
			from := l.providers[i].source
			if g, ok := l.providers[i].values["base_url"]; ok {
				from = g.source
			}
			l.warn(key+".base_url", from, fmt.Sprintf("The key travels to %s in the open.", u.Host), "Use https.")
		}
	}
}

// source is where a value came from.
func (l *loader) source(key string) Source {
	if g, ok := l.values[key]; ok {
		return g.source
	}
	return Source{Layer: FromDefault}
}

// faulty reports whether a key has an error already.
func (l *loader) faulty(key string) bool {
	return slices.ContainsFunc(l.problems, func(p Problem) bool { return p.Key == key && !p.Warning })
}
