//go:build unix

package service

// DataFolder is where a service of the machine keeps its data, "" where the
// system has a place of its own.
func DataFolder() (string, error) { return "", nil }
