package check

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// Entry is a file in an archive.
type Entry struct {
	Mode fs.FileMode
	Link string // of a symbolic link
	Data []byte
}

// Unpack reads an archive, by the end of its name: .tar.gz, .tgz, .zip, .whl.
func Unpack(path string) (map[string]Entry, error) {
	if strings.HasSuffix(path, ".zip") || strings.HasSuffix(path, ".whl") {
		return unzip(path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	plain, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	all := map[string]Entry{}
	for r := tar.NewReader(plain); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if h.Typeflag == tar.TypeDir {
			continue
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", path, h.Name, err)
		}
		all[h.Name] = Entry{Mode: h.FileInfo().Mode(), Link: h.Linkname, Data: data}
	}
}

func unzip(path string) (map[string]Entry, error) {
	r, err := zip.OpenReader(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer r.Close()
	all := map[string]Entry{}
	for _, f := range r.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		data, err := fs.ReadFile(r, f.Name)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", path, f.Name, err)
		}
		all[f.Name] = Entry{Mode: f.Mode(), Data: data}
	}
	return all, nil
}
