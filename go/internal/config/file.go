package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"go.yaml.in/yaml/v3"
)

// gatherFile finds the file and takes what it gives.
func (l *loader) gatherFile() {
	path, from, err := l.findFile()
	if err != nil {
		l.fault("", from, err)
		return
	}
	data, err := l.read(path)
	none := errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
	if none && from.Layer == FromDefault {
		return
	}
	l.path = path
	if err != nil {
		l.fault("", from, flaw(fmt.Sprintf("The file %s cannot be read: %v.", path, reason(err)),
			"Mend the path, or write a file with gateway init."))
		return
	}
	l.parse(data)
}

// findFile returns the path of the file and who named it.
func (l *loader) findFile() (string, Source, error) {
	if path := l.Flags[FlagConfig]; path != "" {
		from := Source{Layer: FromFlag, Name: FlagConfig}
		path, err := l.absolute(path, from)
		return path, from, err
	}
	if path := l.env[envConfig]; path != "" {
		from := Source{Layer: FromEnv, Name: envConfig}
		path, err := l.absolute(path, from)
		return path, from, err
	}
	dir, err := l.dataDir()
	if err != nil { // told with data_dir itself
		return "", Source{Layer: FromDefault}, nil
	}
	return filepath.Join(dir, FileName), Source{Layer: FromDefault}, nil
}

// DataDir is the data folder as far as it is known without a file: where
// FileName is looked for.
func DataDir(o Options) (string, error) {
	dir, err := newLoader(o).dataDir()
	if err != nil {
		return "", fmt.Errorf("finding the data folder: %w", err)
	}
	return dir, nil
}

func (l *loader) dataDir() (string, error) {
	for _, e := range table() {
		if e.Name == "data_dir" {
			return l.absolute(cmp.Or(l.Flags[e.Flag], l.env[e.Env], e.Default), Source{})
		}
	}
	return "", errors.New("the table has no data_dir")
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?line ([0-9]+): (.*)$`)

// parse takes what the text of the file gives.
func (l *loader) parse(data []byte) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	err := decoder.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return
	}
	if err == nil && !errors.Is(decoder.Decode(&second), io.EOF) {
		l.fault("", Source{FromFile, l.path, second.Line}, flaw("A second document begins here.", "Keep one, without ---."))
	}
	if err != nil {
		from, text := Source{FromFile, l.path, 0}, strings.TrimPrefix(err.Error(), "yaml: ")
		if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
			from.Line, _ = strconv.Atoi(m[1])
			text = m[2]
		}
		l.fault("", from, flaw("This is not YAML: "+text+".", "Look at the indentation and the quotes near that line."))
		return
	}
	if root := fromNode(l.path, doc.Content[0]); !root.null() {
		l.walk("", root)
	}
}

// walk takes the values below a section; prefix is its name and a dot.
func (l *loader) walk(prefix string, g given) {
	all := table()
	l.entries(strings.TrimSuffix(prefix, "."), g, func(name string, value given) {
		full := prefix + name
		if full == "providers" {
			l.walkProviders(value)
			return
		}
		section := false
		dotted := strings.Contains(name, ".")
		for _, e := range all {
			if e.Name == full && !dotted {
				l.values[full] = value
				return
			}
			section = section || strings.HasPrefix(e.Name, full+".")
		}
		if section {
			l.walk(full+".", value)
			return
		}
		names := []string{"providers"}
		for _, e := range all {
			names = append(names, e.Name)
		}
		l.unknown(prefix, name, names, value.source)
	})
}

func (l *loader) walkProviders(g given) {
	all := providerTable()
	l.entries("providers", g, func(name string, value given) {
		if err := checkProviderName(name); err != nil {
			l.fault("providers", value.source, err)
			return
		}
		l.walkProvider(l.provider(name, value.source), "", value, all)
	})
}

func (l *loader) walkProvider(p *providerGiven, prefix string, g given, all []entry[Provider]) {
	section := strings.TrimSuffix("providers."+p.name+"."+prefix, ".")
	l.entries(section, g, func(name string, value given) {
		full, below := prefix+name, false
		var names []string
		for _, e := range all {
			if e.Name == full && !strings.Contains(name, ".") || e.synonym == full {
				if _, twice := p.values[e.Name]; twice {
					l.fault(section+"."+e.Name, value.source, flaw("Both "+e.Name+" and "+e.synonym+" are given.", "Keep one of them."))
				}
				p.values[e.Name] = value
				return
			}
			below = below || strings.HasPrefix(e.Name, full+".")
			names = append(names, "providers."+p.name+"."+e.Name)
		}
		if below {
			l.walkProvider(p, full+".", value, all)
			return
		}
		l.unknown("providers."+p.name+"."+prefix, name, names, value.source)
	})
}

// entries visits what a section gives. What is named and left empty is not
// given.
func (l *loader) entries(section string, g given, visit func(name string, value given)) {
	if g.null() {
		return
	}
	parts, err := g.pairs()
	if err != nil {
		l.fault(section, g.source, err)
	}
	for _, part := range parts {
		if !part.value.null() {
			visit(part.name, part.value)
		}
	}
}

// unknown reports a key that there is not, with the one that may be meant.
func (l *loader) unknown(prefix, name string, names []string, from Source) {
	var here, elsewhere []string
	for _, full := range names {
		if rest, ok := strings.CutPrefix(full, prefix); ok {
			first, _, _ := strings.Cut(rest, ".")
			here = append(here, first)
		}
		if full == name || strings.HasSuffix(full, "."+name) {
			elsewhere = append(elsewhere, full)
		}
	}
	fix := "Remove it, or see the reference of all settings."
	if near := nearest(name, here); near != "" {
		fix = "Did you mean " + near + "?"
	} else if len(elsewhere) == 1 {
		at := strings.LastIndexByte(elsewhere[0], '.')
		section, last := elsewhere[0][:max(at, 0)], elsewhere[0][at+1:]
		fix = fmt.Sprintf("Did you mean %s below %s?", last, section)
	}
	l.fault(prefix+name, from, flaw("There is no such setting.", fix))
}

var providerName = regexp.MustCompile(providerForm)

func checkProviderName(name string) error {
	if providerName.MatchString(name) {
		return nil
	}
	return flaw(fmt.Sprintf("%q is no name for a provider.", name), "Use small letters, digits, dots, dashes and underscores.")
}

// checkFileMode warns of a file that others may read or change.
func (l *loader) checkFileMode() {
	if l.path == "" || runtime.GOOS == "windows" {
		return
	}
	info, err := os.Stat(l.path)
	if err != nil {
		return
	}
	from := Source{Layer: FromFile, Name: l.path}
	switch mode := info.Mode().Perm(); {
	case mode&0o002 != 0:
		l.warn("", from, "Everyone may change this file.", "Run chmod 600 "+l.path+".")
	case mode&othersMayRead != 0 && l.literal:
		l.warn("", from, "The file holds a secret and others may read it.", "Run chmod 600 "+l.path+", or write env:NAME or file:PATH in the place of the secret.")
	}
}
