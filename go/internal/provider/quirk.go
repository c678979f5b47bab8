package provider

import (
	"fmt"
	"reflect"
	"strings"
	"unicode"

	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// SetQuirks lays values over q. Their names are those of the fields in
// snake_case, such as no_strict; what is not known is an error.
func SetQuirks(q *protocol.Quirks, values map[string]any) error {
	fields := reflect.ValueOf(q).Elem()
	for name, value := range values {
		field, ok := quirk(fields, name)
		if !ok {
			return fmt.Errorf("there is no quirk %q; there are: %s", name, strings.Join(QuirkNames(), ", "))
		}
		if !assign(field, value) {
			return fmt.Errorf("the quirk %s must be %s", name, wanted(field))
		}
	}
	return nil
}

// QuirkNames lists the quirks there are.
func QuirkNames() []string {
	t := reflect.TypeFor[protocol.Quirks]()
	names := make([]string, t.NumField())
	for i := range names {
		names[i] = snake(t.Field(i).Name)
	}
	return names
}

func quirk(fields reflect.Value, name string) (reflect.Value, bool) {
	for i := range fields.NumField() {
		if snake(fields.Type().Field(i).Name) == name {
			return fields.Field(i), true
		}
	}
	return reflect.Value{}, false
}

// assign sets a field to a value as a configuration file yields it.
func assign(field reflect.Value, value any) bool {
	switch v := value.(type) {
	case bool:
		if field.Kind() != reflect.Bool {
			return false
		}
		field.SetBool(v)
	case string:
		if field.Kind() != reflect.String {
			return false
		}
		field.SetString(v)
	case []string:
		return field.Kind() == reflect.Slice && setList(field, v)
	case []any:
		list := make([]string, len(v))
		for i, item := range v {
			text, ok := item.(string)
			if !ok {
				return false
			}
			list[i] = text
		}
		return field.Kind() == reflect.Slice && setList(field, list)
	default:
		return false
	}
	return true
}

func setList(field reflect.Value, list []string) bool {
	field.Set(reflect.ValueOf(list))
	return true
}

func wanted(field reflect.Value) string {
	switch field.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list of field names"
	default:
		return "a word"
	}
}

// snake turns CallIDs into call_ids.
func snake(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		if unicode.IsUpper(r) && i > 0 && unicode.IsLower(runes[i-1]) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
