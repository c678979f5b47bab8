package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// FileName is the file that is read from the data folder when none is named.
const FileName = "config.yaml"

// Options say where a configuration is to be read from.
type Options struct {
	Presets  []string          // what providers may be; nil: anything
	Offline  bool              // nothing will listen: who could reach it is no matter
	Env      []string          // NAME=value; nil: the environment of the process
	Flags    map[string]string // the flags that were given, by name
	OtherEnv []string          // variables of our prefix that other programs read
}

// loader gathers what the layers give, then reads it.
type loader struct {
	Options
	env       map[string]string
	path      string // of the file; "" none
	values    map[string]given
	providers []*providerGiven // in order
	problems  []Problem
	reads     []content
	literal   bool // the file itself holds a secret
}

// providerGiven is what the layers give about one provider.
type providerGiven struct {
	name   string
	source Source
	values map[string]given
}

// Load reads the file, the environment and the flags, each over the one
// before. Its error is an *InvalidError that names everything to be mended.
func Load(o Options) (*Config, error) {
	l := newLoader(o)
	return l.finish(l.load())
}

// load reads all layers and checks what they give.
func (l *loader) load() *Config {
	l.gatherFile()
	l.gatherEnv()
	l.gatherFlags()
	l.keepQuiet()
	c := l.build()
	l.validate(c)
	return c
}

// finish hands the configuration out if nothing is wrong with it.
func (l *loader) finish(c *Config) (*Config, error) {
	if l.failed() {
		return nil, &InvalidError{Problems: l.problems, reads: l.reads}
	}
	c.warnings, c.reads = l.problems, l.reads
	return c, nil
}

func newLoader(o Options) *loader {
	l := &loader{Options: o, env: make(map[string]string), values: make(map[string]given)}
	all := o.Env
	if all == nil {
		all = os.Environ()
	}
	for _, line := range all {
		if name, value, ok := strings.Cut(line, "="); ok && name != "" {
			l.env[name] = value
		}
	}
	return l
}

// gatherFlags takes the flags that were given.
func (l *loader) gatherFlags() {
	for _, e := range table() {
		if text, ok := l.Flags[e.Flag]; ok && e.Flag != "" {
			l.values[e.Name] = given{source: Source{Layer: FromFlag, Name: e.Flag}, text: text}
		}
	}
}

// build reads every value from the last layer that gave it.
func (l *loader) build() *Config {
	c := &Config{File: l.path, sources: make(map[string]Source)}
	for _, e := range table() {
		l.fill(&e.Key, e.Name, e.at(c), l.values, c.sources)
	}
	for _, from := range l.providers {
		p := Provider{Name: from.name}
		for _, e := range providerTable() {
			l.fill(&e.Key, "providers."+from.name+"."+e.Name, e.at(&p), from.values, c.sources)
		}
		l.checkProvider(&p, from)
		c.Providers = append(c.Providers, p)
	}
	if c.Log.Dir == "" && c.DataDir != "" {
		c.Log.Dir = filepath.Join(c.DataDir, "logs")
	}
	return c
}

// fill reads one value; name is that of the key in full.
func (l *loader) fill(k *Key, name string, at any, values map[string]given, sources map[string]Source) {
	g, ok := values[k.Name]
	if !ok {
		if k.Default == "" {
			return
		}
		g = given{source: Source{Layer: FromDefault}, text: k.Default}
	} else {
		sources[name] = g.source
	}
	if err := l.set(k, at, g); err != nil {
		l.fault(name, g.source, err)
	}
}

// provider returns what was given about a provider so far.
func (l *loader) provider(name string, from Source) *providerGiven {
	for _, p := range l.providers {
		if p.name == name {
			return p
		}
	}
	p := &providerGiven{name: name, source: from, values: make(map[string]given)}
	l.providers = append(l.providers, p)
	return p
}

// checkProvider finds the preset of a provider and checks its parts.
func (l *loader) checkProvider(p *Provider, from *providerGiven) {
	key := "providers." + p.Name
	at := func(field string) Source {
		if g, ok := from.values[field]; ok {
			return g.source
		}
		return from.source
	}
	if p.BaseURL != "" {
		if err := checkBaseURL(p.BaseURL); err != nil {
			l.fault(key+".base_url", at("base_url"), err)
		}
	}
	if p.Preset == "" {
		p.Preset = p.Name
	}
	if l.Presets == nil || slices.Contains(l.Presets, p.Preset) {
		return
	}
	fix := "There are: " + strings.Join(l.Presets, ", ") + "."
	if near := nearest(p.Preset, l.Presets); near != "" {
		fix = "Did you mean " + near + "? " + fix
	}
	if _, ok := from.values["preset"]; !ok {
		fix = "Say with preset: what it is. " + fix
	}
	l.fault(key+".preset", at("preset"), flaw(fmt.Sprintf("%q is no preset.", p.Preset), fix))
}

// absolute makes a path absolute: in the file it is relative to its folder,
// elsewhere to the working one.
func (l *loader) absolute(path string, from Source) (string, error) {
	if path == "" {
		return "", nil
	}
	if path == "~" || strings.HasPrefix(path, "~/") || strings.HasPrefix(path, `~\`) {
		home, err := l.home()
		if err != nil {
			return "", err
		}
		return filepath.Join(home, path[1:]), nil
	}
	if filepath.IsAbs(path) {
		return filepath.Clean(path), nil
	}
	if from.Layer == FromFile {
		return filepath.Join(filepath.Dir(l.path), path), nil
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("finding the working folder: %w", err)
	}
	return full, nil
}

// home is the home folder of the user.
func (l *loader) home() (string, error) {
	for _, name := range [...]string{"HOME", "USERPROFILE"} {
		if dir := l.env[name]; filepath.IsAbs(dir) {
			return dir, nil
		}
	}
	if l.Env == nil {
		if dir, err := os.UserHomeDir(); err == nil {
			return dir, nil
		}
	}
	return "", flaw("There is no home folder to put it in.", "Set HOME, or write an absolute path.")
}
