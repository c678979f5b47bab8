package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"runtime"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/secret"
)

const (
	maxSecretFile = 64 << 10 // bytes
	othersMayRead = 0o077

	// Here container engines show a program its secrets, and nobody else;
	// their modes are not for the program's owner to choose.
	mountedSecrets = "/run/secrets/"
)

// reveal reads a secret: as it stands, env:NAME or file:PATH.
func (l *loader) reveal(k *Key, text string, g given) (secret.Secret, error) {
	value := strings.TrimSpace(text)
	if name, ok := strings.CutPrefix(value, "env:"); ok {
		if value = strings.TrimSpace(l.env[name]); value == "" {
			return secret.Secret{}, flaw(fmt.Sprintf("The variable %s is not set.", name), "Set it, or take env:"+name+" out.")
		}
	} else if path, ok := strings.CutPrefix(value, "file:"); ok {
		var err error
		if value, err = l.readSecret(k, path, g.source); err != nil {
			return secret.Secret{}, err
		}
	} else if value != "" && g.source.Layer == FromFile {
		l.literal = true
	}
	if err := checkSecret(value); err != nil {
		return secret.Secret{}, err
	}
	return secret.New(value), nil
}

// checkSecret refuses what no header can carry, which is what a slip in
// writing it down comes to.
func checkSecret(value string) error {
	for i := range len(value) {
		if value[i] < ' ' || value[i] == 0x7f {
			return flaw("The value holds a line break or another control character.", "Write it on one line.")
		}
	}
	if len(value) > 1 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0] {
		return flaw("The value is written in quotes that are part of it.", "Leave the quotes out; in an env file they are not taken off.")
	}
	return nil
}

func (l *loader) readSecret(k *Key, path string, from Source) (string, error) {
	path, err := l.absolute(strings.TrimSpace(path), from)
	if err != nil {
		return "", err
	}
	data, err := l.read(path)
	value := strings.TrimSpace(string(data))
	switch {
	case err != nil:
		return "", flaw(fmt.Sprintf("The file %s cannot be read: %v.", path, reason(err)), "Mend the path, or the permissions of the file.")
	case len(data) > maxSecretFile:
		return "", flaw(fmt.Sprintf("The file %s is too large for a secret.", path), "Name the file that holds the secret and nothing else.")
	case value == "":
		return "", flaw(fmt.Sprintf("The file %s is empty.", path), "Write the secret into it.")
	}
	if info, err := os.Stat(path); err == nil && exposed(path, info.Mode()) {
		l.warn(k.Name, from, fmt.Sprintf("Others may read the secret in %s.", path), "Run chmod 600 "+path+".")
	}
	return value, nil
}

// exposed reports whether others on the machine may read a secret's file.
func exposed(path string, mode fs.FileMode) bool {
	return runtime.GOOS != "windows" && mode.Perm()&othersMayRead != 0 && !strings.HasPrefix(path, mountedSecrets)
}

// setSecrets reads one or several secrets. A file may hold several too, with
// commas between.
func (l *loader) setSecrets(to *[]secret.Secret, k *Key, g given) error {
	parts, err := g.list()
	if err != nil {
		return err
	}
	*to = nil
	for _, part := range parts {
		text, err := part.scalar()
		if err != nil {
			return err
		}
		s, err := l.reveal(k, text, part)
		if err != nil {
			return err
		}
		for _, value := range splitList(s.Reveal(), ",") {
			if strings.ContainsAny(value, " \t") {
				return flaw("A key holds a space.", "Put commas between several keys.")
			}
			*to = append(*to, secret.New(value))
		}
	}
	return nil
}

// ownHeaders are for the gateway to write.
const ownHeaders = "|Host|Content-Length|Transfer-Encoding|Connection|Upgrade|Te|Trailer|Content-Type|Accept-Encoding|"

func (l *loader) setHeaders(to *map[string]secret.Secret, k *Key, g given) error {
	parts, err := g.pairs()
	if err != nil {
		return err
	}
	out := make(map[string]secret.Secret, len(parts))
	for _, part := range parts {
		name := http.CanonicalHeaderKey(part.name)
		if !validHeader(name) || strings.Contains(ownHeaders, "|"+name+"|") {
			return flaw(fmt.Sprintf("Line %d: the header %q cannot be set.", part.value.source.Line, part.name), "Remove it.")
		}
		text, err := part.value.scalar()
		if err != nil {
			return err
		}
		if out[name], err = l.reveal(k, text, part.value); err != nil {
			return err
		}
	}
	*to = out
	return nil
}

func validHeader(name string) bool {
	for i := range len(name) {
		c := name[i]
		if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return name != ""
}

// reason is an error of the file system without the path, which is told
// already.
func reason(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// Secrets are all secret values of the configuration, for the log to scrub.
func (c *Config) Secrets() []secret.Secret {
	all := []secret.Secret{c.APIKey}
	for _, url := range [...]secret.Secret{c.Database.URL, c.Proxy.HTTPS, c.Proxy.HTTP} {
		all = append(all, hidden(url)...)
	}
	for i := range c.Providers {
		p := &c.Providers[i]
		all = append(all, p.Keys...)
		all = append(all, hidden(p.Proxy)...)
		for _, value := range p.Headers {
			all = append(all, value)
		}
	}
	kept := all[:0]
	for _, s := range all {
		if !s.Empty() {
			kept = append(kept, s)
		}
	}
	return kept
}
