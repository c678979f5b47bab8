package service

import (
	"path/filepath"

	"golang.org/x/sys/windows"
)

// DataFolder is where a service of the machine keeps its data, "" where the
// system has a place of its own.
func DataFolder() (string, error) {
	all, err := windows.KnownFolderPath(windows.FOLDERID_ProgramData, 0)
	if err != nil {
		return "", err
	}
	return filepath.Join(all, "Tokligence"), nil
}
