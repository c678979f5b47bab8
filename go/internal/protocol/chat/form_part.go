package chat

import (
	"bytes"
	"mime"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

const (
	maxParts      = 1000
	maxPartHeader = 8 << 10 // in bytes
)

// boundaryForm is what RFC 2046 allows, without blanks.
var boundaryForm = regexp.MustCompile(`^[0-9A-Za-z'()+_,./:=?-]{1,70}$`)

// A header line of a part, its disposition and the parameters of that. Nothing
// is escaped: readers differ in what a backslash means.
var (
	headerLine  = regexp.MustCompile(`^([0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)$`)
	disposition = regexp.MustCompile(`^form-data((?:[ \t]*;[ \t]*[a-z*]+=(?:"[^"\\]*"|[^\s"\\;,=]+))+)[ \t]*$`)
	parameter   = regexp.MustCompile(`;[ \t]*([a-z*]+)=(?:"([^"]*)"|([^\s";]+))`)
	fieldName   = regexp.MustCompile(`^[0-9A-Za-z_.\[\]-]{1,128}$`)
)

// eachPart calls visit with the header lines of each part and the place of its
// content. It is stricter than RFC 2046, which allows text around the parts
// and blanks behind a boundary. Some clients end with an empty line.
func eachPart(body []byte, boundary string, visit func(header []byte, at protocol.Span) error) error {
	mark := []byte("--" + boundary)
	if !bytes.HasPrefix(body, mark) {
		return badForm("it must begin with the boundary")
	}
	at := len(mark)
	for range maxParts {
		if tail, last := bytes.CutPrefix(body[at:], []byte("--")); last {
			if end := string(tail); end != "" && end != "\r\n" && end != "\r\n\r\n" {
				return badForm("something follows the last boundary")
			}
			return nil
		}
		if !bytes.HasPrefix(body[at:], []byte("\r\n")) {
			return badForm("a boundary must be followed by CR LF")
		}
		at += 2
		blank := bytes.Index(body[at:min(len(body), at+maxPartHeader)], []byte("\r\n\r\n"))
		if blank < 0 {
			return badForm("a part has no header or one that is too long")
		}
		header, start := body[at:at+blank], at+blank+4
		end := nextMark(body, start-2, mark)
		if end < start {
			return badForm("a part does not end with CR LF and the boundary")
		}
		if err := visit(header, protocol.Span{Start: start, End: end}); err != nil {
			return err
		}
		at = end + 2 + len(mark)
	}
	return badForm("it has too many parts")
}

// nextMark is where the line end before the next mark stands, -1 if there is
// none or it is no CR LF, which is a boundary for some readers only.
func nextMark(body []byte, from int, mark []byte) int {
	for at := from; ; {
		i := bytes.Index(body[at:], mark)
		if i < 0 {
			return -1
		}
		at += i
		switch {
		case bytes.HasSuffix(body[from:at], []byte("\r\n")):
			return at - 2
		case bytes.HasSuffix(body[from:at], []byte("\n")), bytes.HasSuffix(body[from:at], []byte("\r")):
			return -1
		}
		at++
	}
}

// formPart is what the header of a part says.
type formPart struct {
	name           string
	file           bool
	mime, encoding string
}

// readPart reads a header. Every part must say in the one plain way which
// field it is.
func readPart(header []byte) (formPart, error) {
	var p formPart
	seen := map[string]bool{}
	for line := range strings.SplitSeq(string(header), "\r\n") {
		m := headerLine.FindStringSubmatch(line)
		if m == nil {
			return p, badForm("a header line of a part is malformed or folded")
		}
		key, value := strings.ToLower(m[1]), m[2]
		if seen[key] {
			return p, badForm("a part has a header line twice")
		}
		seen[key] = true
		var err error
		switch key {
		case "content-disposition":
			err = p.disposition(value)
		case "content-type":
			p.mime = value
			if strings.HasPrefix(strings.ToLower(value), "multipart") {
				err = badForm("a part must not be a multipart body itself")
			}
		case "content-transfer-encoding":
			p.encoding = strings.ToLower(strings.TrimRight(value, " \t"))
		}
		if err != nil {
			return p, err
		}
	}
	if p.name == "" {
		return p, badForm("every part needs one Content-Disposition")
	}
	return p, nil
}

func (p *formPart) disposition(value string) error {
	m := disposition.FindStringSubmatch(value)
	if m == nil {
		return badForm(`the Content-Disposition of a part must be form-data; name="…", with an optional filename and without backslashes`)
	}
	var seen []string
	for _, param := range parameter.FindAllStringSubmatch(m[1], -1) {
		key := param[1]
		if slices.Contains(seen, key) {
			return badForm("a Content-Disposition has a parameter twice")
		}
		seen = append(seen, key)
		switch key {
		case "name":
			p.name = param[2] + param[3]
		case "filename", "filename*":
			p.file = true
		default:
			return badForm("a Content-Disposition may have the parameters name, filename and filename* only")
		}
	}
	if !fieldName.MatchString(p.name) || p.name == "_charset_" {
		return badForm("a part has no name or one with characters other than letters, digits and _ . - [ ]")
	}
	return nil
}

// plainText refuses a field that some readers would take for a file or decode.
func (p *formPart) plainText(text string) error {
	if p.file {
		return llm.InvalidField(p.name, "The field %q must not be a file.", p.name)
	}
	if p.encoding != "" && p.encoding != "7bit" && p.encoding != "8bit" && p.encoding != "binary" {
		return llm.InvalidField(p.name, "The field %q must not be encoded.", p.name)
	}
	if p.mime == "" {
		return nil
	}
	kind, params, err := mime.ParseMediaType(p.mime)
	if err != nil || kind != "text/plain" || !readsAsUTF8(strings.ToLower(params["charset"]), text) {
		return llm.InvalidField(p.name, "The field %q must be plain text in UTF-8.", p.name)
	}
	return nil
}

// readsAsUTF8 reports whether text means the same in the charset named and in
// UTF-8. Some clients call every text Latin-1.
func readsAsUTF8(charset, text string) bool {
	switch charset {
	case "", "utf-8":
		return true
	case "us-ascii", "iso-8859-1":
		return !strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf })
	default:
		return false
	}
}
