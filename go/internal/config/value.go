package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/secret"
)

// Kind is how a value is written.
type Kind string

// The kinds.
const (
	Text      Kind = "text"
	Bool      Kind = "true or false"
	Count     Kind = "number"
	Bytes     Kind = "size"
	Duration  Kind = "duration"
	Hidden    Kind = "secret"
	HiddenURL Kind = "URL" // its password is secret
	HiddenSet Kind = "secrets"
	List      Kind = "list"
	Headers   Kind = "names with secrets"
	Free      Kind = "names with values"
	RouteList Kind = "routes"
	AliasList Kind = "aliases"
)

// kindOf derives the kind from the field a key fills.
func kindOf(at any) Kind {
	switch at.(type) {
	case *bool:
		return Bool
	case *int:
		return Count
	case *Size:
		return Bytes
	case *time.Duration:
		return Duration
	case *secret.Secret:
		return Hidden
	case databaseURL, proxyURL:
		return HiddenURL
	case *[]secret.Secret:
		return HiddenSet
	case *[]string, *[]llm.Protocol:
		return List
	case *map[string]secret.Secret:
		return Headers
	case *map[string]any:
		return Free
	case *[]Route:
		return RouteList
	case *[]Alias:
		return AliasList
	default:
		return Text
	}
}

// Secret reports whether values of the kind are never shown whole.
func (k Kind) Secret() bool {
	return k == Hidden || k == HiddenSet || k == HiddenURL || k == Headers
}

// nested reports whether values of the kind can only be written in the file.
func (k Kind) nested() bool { return k == Headers || k == Free }

// set reads what a layer gave into the field at.
func (l *loader) set(k *Key, at any, g given) error {
	switch p := at.(type) {
	case *[]string:
		return setList(p, k, g)
	case *[]llm.Protocol:
		return setList(p, k, g)
	case *[]secret.Secret:
		return l.setSecrets(p, k, g)
	case *map[string]secret.Secret:
		return l.setHeaders(p, k, g)
	case *map[string]any:
		return setFree(p, g)
	case *[]Route:
		return setRoutes(p, g)
	case *[]Alias:
		return setAliases(p, g)
	}
	text, err := g.scalar()
	if err != nil {
		return err
	}
	return l.setScalar(k, at, text, g)
}

func (l *loader) setScalar(k *Key, at any, text string, g given) (err error) {
	switch p := at.(type) {
	case *string:
		if *p, err = oneOf(k, strings.TrimSpace(text)); err == nil && k.Path {
			*p, err = l.absolute(*p, g.source)
		}
	case *bool:
		*p, err = parseBool(text)
	case *int:
		if *p, err = parseCount(text); err == nil {
			err = within(k, int64(*p), func(n int64) string { return fmt.Sprint(n) })
		}
	case *Size:
		if *p, err = parseSize(text); err == nil {
			err = within(k, int64(*p), func(n int64) string { return Size(n).String() })
		}
	case *time.Duration:
		if *p, err = parseDuration(text); err == nil {
			err = within(k, int64(*p), formatNanos)
		}
	case *secret.Secret:
		*p, err = l.reveal(k, text, g)
	case databaseURL:
		if *p.Secret, err = l.reveal(k, text, g); err == nil {
			err = checkDatabase(p.Reveal())
		}
	case proxyURL:
		if *p.Secret, err = l.reveal(k, text, g); err == nil {
			*p.Secret, err = readProxy(p.Reveal())
		}
	default:
		err = fmt.Errorf("the table gives %s a field of type %T", k.Name, at)
	}
	return err
}

func setList[T ~string](to *[]T, k *Key, g given) error {
	parts, err := g.list()
	if err != nil {
		return err
	}
	*to = nil
	for _, part := range parts {
		text, err := part.scalar()
		if err == nil {
			text, err = oneOf(k, strings.TrimSpace(text))
		}
		if err != nil {
			return err
		}
		if text != "" && !slices.Contains(*to, T(text)) {
			*to = append(*to, T(text))
		}
	}
	return nil
}

func setFree(to *map[string]any, g given) error {
	if g.node == nil {
		return flaw("This can only be set in the file.", "")
	}
	if _, err := g.pairs(); err != nil {
		return err
	}
	*to = nil
	if err := g.node.Decode(to); err != nil {
		return flaw("The values cannot be read: "+err.Error()+".", "")
	}
	return nil
}

// oneOf checks that text is one of the values of a key, if it names them.
func oneOf(k *Key, text string) (string, error) {
	if k.Values == nil || slices.Contains(k.Values, text) {
		return text, nil
	}
	fix := "Write one of: " + strings.Join(k.Values, ", ") + "."
	if near := nearest(text, k.Values); near != "" {
		fix = "Did you mean " + near + "? " + fix
	}
	return text, flaw(fmt.Sprintf("%q is not one of its values.", text), fix)
}

// within checks the bounds of a number.
func within(k *Key, n int64, format func(int64) string) error {
	if n >= k.Min && n <= k.Max {
		return nil
	}
	message := fmt.Sprintf("%s is too small.", format(n))
	if n > k.Min {
		message = fmt.Sprintf("%s is too large.", format(n))
	}
	return flaw(message, fmt.Sprintf("Write a value from %s to %s.", format(k.Min), format(k.Max)))
}

// splitList cuts text at sep and drops what is empty.
func splitList(text, sep string) []string {
	var out []string
	for part := range strings.SplitSeq(text, sep) {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}
