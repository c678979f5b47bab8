package config

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
)

const maxFile = 4 << 20 // bytes

// content is what a file held when it was read. What could not be read has the
// zero digest.
type content struct {
	path   string
	digest [sha256.Size]byte
}

func newContent(path string, data []byte, err error) content {
	c := content{path: path}
	if err == nil {
		c.digest = sha256.Sum256(data)
	}
	return c
}

// read reads a file and remembers that what it held matters.
func (l *loader) read(path string) ([]byte, error) {
	data, err := readFile(path)
	if path != "" {
		l.reads = append(l.reads, newContent(path, data, err))
	}
	return data, err
}

func readFile(path string) ([]byte, error) {
	if path == "" {
		return nil, fs.ErrNotExist
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("it is larger than %s", Size(maxFile))
	}
	return data, err
}

// readAgain tells what files hold by now.
func readAgain(files []content) []content {
	out := make([]content, len(files))
	for i, f := range files {
		data, err := readFile(f.path)
		out[i] = newContent(f.path, data, err)
	}
	return out
}
