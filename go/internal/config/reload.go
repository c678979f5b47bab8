package config

import "reflect"

// changes names the settings that differ from what applies.
type changes struct {
	now   []string // taken up at once
	later []string // at the next start
}

// reload loads anew and keeps those values of running that cannot change while
// the program runs.
func reload(o Options, running *Config) (*Config, changes, error) {
	l := newLoader(o)
	c := l.load()
	if l.failed() {
		_, err := l.finish(c)
		return nil, changes{}, err
	}
	diff := compare(running, c)
	warnings := l.problems
	if l.validateAccess(c); !l.failed() { // the new and the kept values may each be safe, and not together
		l.problems = warnings
	}
	next, err := l.finish(c)
	return next, diff, err
}

// compare finds what differs and puts the running values of what cannot
// change into next.
func compare(running, next *Config) changes {
	var diff changes
	for _, e := range table() {
		was, is := field(e.at(running)), field(e.at(next))
		switch {
		case reflect.DeepEqual(was.Interface(), is.Interface()):
		case e.Restart:
			diff.later = append(diff.later, e.Name)
			is.Set(was)
			next.sources[e.Name] = running.source(e.Name)
		default:
			diff.now = append(diff.now, e.Name)
		}
	}
	before := make(map[string]Provider, len(running.Providers))
	for _, p := range running.Providers {
		before[p.Name] = p
	}
	for i, p := range next.Providers {
		old, ok := before[p.Name]
		moved := ok && i < len(running.Providers) && running.Providers[i].Name != p.Name
		if !ok || moved || !reflect.DeepEqual(old, p) {
			diff.now = append(diff.now, "providers."+p.Name)
		}
		delete(before, p.Name)
	}
	for _, p := range running.Providers {
		if _, gone := before[p.Name]; gone {
			diff.now = append(diff.now, "providers."+p.Name)
		}
	}
	return diff
}

// field is the field that a pointer of the table leads to.
func field(at any) reflect.Value {
	switch p := at.(type) {
	case databaseURL:
		at = p.Secret
	case proxyURL:
		at = p.Secret
	}
	return reflect.ValueOf(at).Elem()
}
