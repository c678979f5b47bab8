package protocol

import (
	"fmt"
	"strconv"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
)

// Path is where in a request a value stands. A nil *Path is the request
// itself. It is put into words only when something is wrong there.
type Path struct {
	up    *Path
	name  string
	index int
}

// Member is the path of a member of the object at p.
func (p *Path) Member(name string) *Path { return &Path{up: p, name: name} }

// At is the path of an element of the array at p.
func (p *Path) At(i int) *Path { return &Path{up: p, index: i} }

// String writes the path as OpenAI does: messages[0].content.
func (p *Path) String() string { return p.render("[", "]") }

// Dotted writes the path as Anthropic does: messages.0.content.
func (p *Path) Dotted() string { return p.render(".", "") }

func (p *Path) render(left, right string) string {
	if p == nil {
		return ""
	}
	base := p.up.render(left, right)
	switch {
	case p.name == "":
		return base + left + strconv.Itoa(p.index) + right
	case base == "":
		return p.name
	}
	return base + "." + p.name
}

// FieldError says that a field is wrong. A codec puts it into its vendor's
// words.
type FieldError struct {
	At   *Path
	Want string // what was expected: "a string", "an object"; "" see Text
	Got  jsonscan.Kind
	Text string // what is wrong, where it is not the type
	Code string // the vendor's word for it
}

func (e *FieldError) Error() string {
	if e.Want == "" {
		return e.At.String() + ": " + e.Text
	}
	return fmt.Sprintf("%s: expected %s, got %s", e.At, e.Want, e.Got)
}

// Wrong returns the error for a value of another type than wanted.
func Wrong(at *Path, want string, got []byte) error {
	return &FieldError{At: at, Want: want, Got: jsonscan.KindOf(got)}
}

// Bad returns the error for a value that its field cannot have.
func Bad(at *Path, format string, args ...any) error {
	return &FieldError{At: at, Text: fmt.Sprintf(format, args...), Code: "invalid_value"}
}

// Missing returns the error for a required field that is not there.
func Missing(at *Path) error {
	return &FieldError{At: at, Text: "this field is required", Code: "missing_required_parameter"}
}

// EachMember visits the members of the object v that are not null.
func EachMember(at *Path, v []byte, visit func(name string, v []byte) error) error {
	if jsonscan.KindOf(v) != jsonscan.Object {
		return Wrong(at, "an object", v)
	}
	it := jsonscan.Members(v)
	for it.Next() {
		if jsonscan.IsNull(it.Value()) {
			continue
		}
		if err := visit(intern(it.Key()), it.Value()); err != nil {
			return err
		}
	}
	return it.Err()
}

// EachElement visits the elements of the array v.
func EachElement(at *Path, v []byte, visit func(v []byte, at *Path) error) error {
	if jsonscan.KindOf(v) != jsonscan.Array {
		return Wrong(at, "an array", v)
	}
	it := jsonscan.Elements(v)
	for i := 0; it.Next(); i++ {
		if err := visit(it.Value(), at.At(i)); err != nil {
			return err
		}
	}
	return it.Err()
}

// ReadText sets dst to the string v.
func ReadText[T ~string](at *Path, v []byte, dst *T) error {
	s, ok := jsonscan.Text(v)
	if !ok {
		return Wrong(at, "a string", v)
	}
	*dst = T(s)
	return nil
}

// ReadInt sets dst to the whole number v.
func ReadInt(at *Path, v []byte, dst **int) error {
	n, ok := jsonscan.Int(v)
	if !ok {
		return Wrong(at, "an integer", v)
	}
	i := int(n)
	*dst = &i
	return nil
}

// ReadInt64 sets dst to the whole number v.
func ReadInt64(at *Path, v []byte, dst **int64) error {
	n, ok := jsonscan.Int(v)
	if !ok {
		return Wrong(at, "an integer", v)
	}
	*dst = &n
	return nil
}

// ReadFloat sets dst to the number v.
func ReadFloat(at *Path, v []byte, dst **float64) error {
	f, ok := jsonscan.Float(v)
	if !ok {
		return Wrong(at, "a number", v)
	}
	*dst = &f
	return nil
}

// ReadBool sets dst to the boolean v.
func ReadBool(at *Path, v []byte, dst **bool) error {
	b, ok := jsonscan.Boolean(v)
	if !ok {
		return Wrong(at, "a boolean", v)
	}
	*dst = &b
	return nil
}

// ReadFlag sets dst to the boolean v.
func ReadFlag(at *Path, v []byte, dst *bool) error {
	b, ok := jsonscan.Boolean(v)
	if !ok {
		return Wrong(at, "a boolean", v)
	}
	*dst = b
	return nil
}

// ReadTexts sets dst to the array of strings v.
func ReadTexts(at *Path, v []byte, dst *[]string) error {
	out := []string{}
	err := EachElement(at, v, func(v []byte, at *Path) error {
		var s string
		if err := ReadText(at, v, &s); err != nil {
			return err
		}
		out = append(out, s)
		return nil
	})
	*dst = out
	return err
}

// ReadTextMap sets dst to the object of strings v.
func ReadTextMap(at *Path, v []byte, dst *map[string]string) error {
	out := map[string]string{}
	err := EachMember(at, v, func(name string, v []byte) error {
		var s string
		if err := ReadText(at.Member(name), v, &s); err != nil {
			return err
		}
		out[name] = s
		return nil
	})
	*dst = out
	return err
}

// Raw returns a copy of a value, to be kept as it came.
func Raw(v []byte) []byte { return append([]byte(nil), v...) }
