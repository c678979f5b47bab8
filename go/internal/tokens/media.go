package tokens

import (
	"bytes"
	"encoding/base64"
	"errors"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// What media cost, in tokens.
const (
	perPixels    = 750  // pixels a token
	mostImage    = 4800 // larger images are scaled down by the vendor
	unknownImage = 1600 // by address or file id: the usual most
	perPage      = 3000 // of a PDF: its text and its picture
	pageBytes    = 30 << 10
	mostPages    = 600
	soundBytes   = 500 // bytes a token, compressed sound or pictures in motion
)

func (c *counter) media(m *llm.Media) {
	c.piece(m.Name)
	c.piece(m.Context)
	c.piece(m.Text)
	switch {
	case m.Text != "":
	case m.Kind == llm.Image && m.Data != "":
		c.extra += imageTokens(m.Data, strings.NewReader(m.Data))
	case m.Kind == llm.Image:
		c.extra += unknownImage
	case m.Kind == llm.Document && m.Data == "":
		c.extra += perPage
	case m.Kind == llm.Document && strings.HasPrefix(m.Data, pdfHead):
		c.extra += pdfTokens(strings.NewReader(m.Data))
	case m.Kind == llm.Document:
		c.encoded(m.Data)
	case m.Data == "":
		c.extra += unknownImage
	default:
		c.extra += int64(len(m.Data))*3/4/soundBytes + 1
	}
}

// encoded weighs a text that came as base64, such as a text file.
func (c *counter) encoded(data string) {
	plain, err := io.ReadAll(decoder(strings.NewReader(data)))
	if err != nil && len(plain) == 0 {
		c.extra += int64(len(data)) / 4
		return
	}
	c.raw(plain)
}

// decoder reads base64 as far as it is some.
func decoder(r io.Reader) io.Reader { return base64.NewDecoder(base64.StdEncoding, r) }

// Heads of base64 that give a format away.
const (
	pdfHead  = "JVBERi"
	pngHead  = "iVBORw0KGgo"
	jpegHead = "/9j/"
	gifHead  = "R0lGOD"
	riffHead = "UklGR"
)

func isImage(head string) bool {
	for _, known := range [...]string{pngHead, jpegHead, gifHead, riffHead} {
		if strings.HasPrefix(head, known) {
			return true
		}
	}
	return false
}

// imageTokens goes by the size in pixels, read from the head of the file.
func imageTokens(head string, data io.Reader) int64 {
	size, err := imageSize(head, decoder(data))
	if err != nil || size.Width <= 0 || size.Height <= 0 {
		return unknownImage
	}
	return min(int64(size.Width)*int64(size.Height)/perPixels+1, mostImage)
}

var errFormat = errors.New("no image format that is known")

func imageSize(head string, r io.Reader) (image.Config, error) {
	switch {
	case strings.HasPrefix(head, pngHead):
		return png.DecodeConfig(r)
	case strings.HasPrefix(head, jpegHead):
		return jpeg.DecodeConfig(r)
	case strings.HasPrefix(head, gifHead):
		return gif.DecodeConfig(r)
	case strings.HasPrefix(head, riffHead):
		return webpSize(r)
	}
	return image.Config{}, errFormat
}

// webpSize reads the three forms of WebP: lossy, lossless, extended.
func webpSize(r io.Reader) (c image.Config, err error) {
	var h [30]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return c, err
	}
	if string(h[8:12]) != "WEBP" {
		return c, errFormat
	}
	pair := func(i int) int { return int(h[i]) | int(h[i+1])<<8 }
	switch string(h[12:16]) {
	case "VP8 ":
		c.Width, c.Height = pair(26)&0x3fff, pair(28)&0x3fff
	case "VP8L":
		bits := uint32(h[21]) | uint32(h[22])<<8 | uint32(h[23])<<16 | uint32(h[24])<<24
		c.Width, c.Height = int(bits&0x3fff)+1, int(bits>>14&0x3fff)+1
	case "VP8X":
		c.Width = pair(24) | int(h[26])<<16 + 1
		c.Height = pair(27) | int(h[29])<<16 + 1
	default:
		return c, errFormat
	}
	return c, nil
}

// pdfTokens counts the pages, by their objects or, where those are packed
// away, by size.
func pdfTokens(data io.Reader) int64 {
	pages, size := pdfPages(decoder(data))
	if pages == 0 {
		pages = size/pageBytes + 1
	}
	return min(pages, mostPages) * perPage
}

var pageMarks = [...][]byte{[]byte("/Type /Page"), []byte("/Type/Page")}

func pdfPages(r io.Reader) (pages, size int64) {
	const keep = 16 // longer than a mark and the byte after it
	buf := make([]byte, 0, 32<<10)
	for {
		n, err := r.Read(buf[len(buf):cap(buf)])
		size += int64(n)
		buf = buf[:len(buf)+n]
		end := len(buf)
		if err == nil {
			end = max(0, end-keep)
		}
		pages += countPages(buf, end)
		buf = buf[:copy(buf, buf[end:])]
		if err != nil {
			return pages, size
		}
	}
}

// countPages counts the marks of pages that begin before end. /Pages is a
// node of the tree, not a page.
func countPages(b []byte, end int) (n int64) {
	for _, mark := range pageMarks {
		for from := 0; ; {
			i := bytes.Index(b[from:], mark)
			if i < 0 || from+i >= end {
				break
			}
			from += i + len(mark)
			if from == len(b) || b[from] != 's' {
				n++
			}
		}
	}
	return n
}
