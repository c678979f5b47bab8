package config

import (
	"maps"
	"slices"
	"strings"
)

const fileSuffix = "_FILE" // of variables that name a file with the secret

// gatherEnv takes what the environment gives, and warns of what looks as if it
// was meant for the gateway. A variable that is empty is not set.
func (l *loader) gatherEnv() {
	known := map[string]bool{envConfig: true}
	for _, name := range l.OtherEnv {
		known[name] = true
	}
	for _, e := range table() {
		l.fromEnv(&e.Key, e.Env, l.values, known)
		if _, ok := l.values[e.Name]; ok {
			continue
		}
		for _, name := range e.AltEnv {
			if text := l.env[name]; text != "" {
				l.values[e.Name] = given{source: Source{Layer: FromEnv, Name: name}, text: text}
				break
			}
		}
	}
	names := slices.Clone(l.Presets)
	for _, p := range l.providers {
		if !slices.Contains(names, p.name) {
			names = append(names, p.name)
		}
	}
	for _, name := range names {
		l.providerEnv(name, known)
	}
	l.unknownEnv(known, names)
}

// fromEnv takes the variable of one key.
func (l *loader) fromEnv(k *Key, name string, values map[string]given, known map[string]bool) {
	if k.Kind.nested() {
		return
	}
	known[name] = true
	from := Source{Layer: FromEnv, Name: name}
	text := l.env[name]
	if k.Kind.Secret() {
		known[name+fileSuffix] = true
		if path := l.env[name+fileSuffix]; path != "" {
			if text != "" {
				l.fault(k.Name, from, flaw("Both "+name+" and "+name+fileSuffix+" are set.", "Keep one of them."))
			}
			from.Name, text = name+fileSuffix, "file:"+path
		}
	}
	if text != "" {
		values[k.Name] = given{source: from, text: text}
	}
}

// providerEnv takes the variables of one provider. Any of them brings it into
// being.
func (l *loader) providerEnv(name string, known map[string]bool) {
	values := make(map[string]given)
	for _, e := range providerTable() {
		l.fromEnv(&e.Key, providerVariable(name, &e.Key), values, known)
	}
	for key, g := range values {
		l.provider(name, g.source).values[key] = g
	}
}

// keepQuiet switches the update check off where nobody is there to read of it,
// and where people ask all programs not to report, unless it was set.
func (l *loader) keepQuiet() {
	const key = "update_check.enabled"
	if _, ok := l.values[key]; ok {
		return
	}
	for _, name := range [...]string{"CI", "DO_NOT_TRACK"} {
		if on, err := parseBool(l.env[name]); err == nil && !on || l.env[name] == "" {
			continue
		}
		l.values[key] = given{source: Source{Layer: FromEnv, Name: name}, text: "false"}
		return
	}
}

// unknownEnv warns of variables with our prefix that nothing reads. They are
// no errors: other programs may share the prefix.
func (l *loader) unknownEnv(known map[string]bool, providers []string) {
	for _, name := range slices.Sorted(maps.Keys(l.env)) {
		if !strings.HasPrefix(name, envPrefix) || strings.HasPrefix(name, testVars) || known[name] {
			continue
		}
		fix := "Unset it if it was meant for the gateway."
		if near := nearVariable(name, known, providers); near != "" {
			fix = "Did you mean " + near + "?"
		}
		l.warn("", Source{Layer: FromEnv, Name: name}, "The gateway knows no such variable.", fix)
	}
}

// nearVariable compares only what tells variables apart: of a provider's its
// name, of others what follows the prefix.
func nearVariable(name string, known map[string]bool, providers []string) string {
	core := strings.TrimPrefix(name, envPrefix)
	for _, end := range [...]string{"_API_KEY", "_BASE_URL"} {
		if who, ok := strings.CutSuffix(core, end); ok {
			if near := nearest(who, providers); near != "" {
				return variable(near) + end
			}
		}
	}
	var others []string
	for _, k := range slices.Sorted(maps.Keys(known)) {
		if rest, ok := strings.CutPrefix(k, envPrefix); ok {
			others = append(others, rest)
		}
	}
	if near := nearest(core, others); near != "" && strings.HasSuffix(near, lastWord(core)) || near != "" && edits(core, near) <= 2 {
		return envPrefix + near
	}
	return ""
}

func lastWord(name string) string { return name[strings.LastIndexByte(name, '_')+1:] }
