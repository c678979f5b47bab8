package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// copy makes the layer of one COPY.
func (w *work) copy(c *instructions.CopyCommand) (v1.Layer, error) {
	if c.From != "" || c.Link || c.Parents || len(c.ExcludePatterns) > 0 || len(c.SourceContents) > 0 {
		return nil, errors.New("of the options only --chown and --chmod are known here")
	}
	if !path.IsAbs(c.DestPath) {
		return nil, fmt.Errorf("the destination %s has to be absolute", c.DestPath)
	}
	var data bytes.Buffer
	l := &layerWriter{out: tar.NewWriter(&data), modified: w.created, seen: make(map[string]bool)}
	if err := l.options(c); err != nil {
		return nil, err
	}
	for _, source := range c.SourcePaths {
		if strings.ContainsAny(source, "*?[") {
			return nil, fmt.Errorf("%s: patterns are not known here", source)
		}
		if err := l.add(filepath.Join(w.context, filepath.Clean("/"+source)), c.DestPath, len(c.SourcePaths) > 1); err != nil {
			return nil, err
		}
	}
	if err := l.out.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data.Bytes())), nil },
		tarball.WithCompressionLevel(gzip.BestCompression), tarball.WithCompressedCaching)
}

// layerWriter writes files as they shall be in the image.
type layerWriter struct {
	out      *tar.Writer
	modified time.Time
	uid, gid int
	mode     fs.FileMode // of everything, 0 as in the context
	seen     map[string]bool
}

// options reads --chown and --chmod.
func (l *layerWriter) options(c *instructions.CopyCommand) error {
	if c.Chown != "" {
		user, group, ok := strings.Cut(c.Chown, ":")
		if !ok {
			group = user
		}
		uid, errUser := strconv.ParseUint(user, 10, 31)
		gid, errGroup := strconv.ParseUint(group, 10, 31)
		if errUser != nil || errGroup != nil {
			return fmt.Errorf("--chown=%s: an empty image knows users by number only", c.Chown)
		}
		l.uid, l.gid = int(uid), int(gid)
	}
	if c.Chmod != "" {
		mode, err := strconv.ParseUint(c.Chmod, 8, 32)
		if err != nil || mode > 0o777 {
			return fmt.Errorf("--chmod=%s: only three octal digits are known here", c.Chmod)
		}
		l.mode = fs.FileMode(mode)
	}
	return nil
}

// add writes a file, or what is in a folder.
func (l *layerWriter) add(from, to string, into bool) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		if into || strings.HasSuffix(to, "/") {
			to = path.Join(to, filepath.Base(from))
		}
		if err := l.folders(path.Dir(path.Clean(to))); err != nil {
			return err
		}
		return l.file(from, path.Clean(to), info)
	}
	if err := l.folders(path.Dir(path.Clean(to))); err != nil {
		return err
	}
	return filepath.WalkDir(from, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(name)
		if err != nil {
			return err
		}
		rest, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		return l.file(name, path.Join(to, filepath.ToSlash(rest)), info)
	})
}

// folders writes a folder that exists only because something is in it, and
// those above it.
func (l *layerWriter) folders(name string) error {
	if name == "/" || l.seen[name] {
		return nil
	}
	if err := l.folders(path.Dir(name)); err != nil {
		return err
	}
	l.seen[name] = true
	return l.out.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name[1:] + "/", Mode: folderMode, ModTime: l.modified})
}

// file writes one entry: a file, a folder or a symbolic link.
func (l *layerWriter) file(from, to string, info fs.FileInfo) error {
	if to == "/" || l.seen[to] {
		return nil
	}
	l.seen[to] = true
	mode := info.Mode().Perm()
	if l.mode != 0 {
		mode = l.mode
	}
	h := &tar.Header{Name: to[1:], Mode: int64(mode), Uid: l.uid, Gid: l.gid, ModTime: l.modified}
	switch info.Mode().Type() {
	case 0:
		h.Typeflag, h.Size = tar.TypeReg, info.Size()
		if err := l.out.WriteHeader(h); err != nil {
			return err
		}
		f, err := os.Open(from)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(l.out, f)
		return err
	case fs.ModeDir:
		h.Typeflag, h.Name = tar.TypeDir, h.Name+"/"
	case fs.ModeSymlink:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, target, 0o777
	default:
		return fmt.Errorf("%s is neither a file nor a folder nor a link", from)
	}
	return l.out.WriteHeader(h)
}
