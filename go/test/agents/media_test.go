package agents_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"path/filepath"
	"testing"
)

// picture is a small blue image.
func picture(t *testing.T) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 32, 32))
	for i := range 32 * 32 {
		img.Set(i%32, i/32, color.RGBA{B: 255, A: 255})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// document is a PDF of one empty page.
func document() []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	objects := []string{
		"<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] >>",
	}
	at := make([]int, len(objects))
	for i, o := range objects {
		at[i] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	xref := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, offset := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", offset)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, xref)
	return b.Bytes()
}

// mediaScript reads an image and a PDF, and wants to see both.
func mediaScript(dir string) script {
	return func(a *asked) (reply, error) {
		switch {
		case len(a.Tools) == 0:
			return reply{Text: "I am warm."}, nil
		case len(a.Rounds) == 0:
			return reply{Calls: []call{
				use("Read", obj{"file_path": filepath.Join(dir, "picture.png")}), use("Read", obj{"file_path": filepath.Join(dir, "paper.pdf")}),
			}}, nil
		}
		seen := 0
		for _, r := range a.Rounds[0].Results {
			seen += r.Media
		}
		if seen != 2 {
			return reply{}, fmt.Errorf("%d images and documents came back, want 2: %+v", seen, a.Rounds[0].Results)
		}
		return reply{Text: "The colour is blue now."}, nil
	}
}

// TestClaudeMedia has an image and a PDF come back from a tool, which OpenAI's
// protocols have no place for in a result.
func TestClaudeMedia(t *testing.T) {
	onEach(t, claudeVersions(), providers(), func(t *testing.T, version string, p provider) {
		dir := workspace(t)
		write(t, filepath.Join(dir, "picture.png"), picture(t))
		write(t, filepath.Join(dir, "paper.pdf"), document())
		d, v := p.gateway(t, mediaScript(dir))
		o := claude(t, d, version, dir)
		v.check(t)
		checkClaude(t, o)
	})
}
